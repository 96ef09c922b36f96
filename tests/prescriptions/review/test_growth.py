"""What must not become slower with the years: each question has its index, and comparing by index misses nothing."""

import random
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prescriptions.intake import loose
from prescriptions.models import Document, Page, Prescription, Review, ReviewStatus
from prescriptions.ops import scrape
from prescriptions.review import duplicates, publication
from prescriptions.upkeep import erasure, remains
from tests.databases import on_each_database
from transforms.measure import perceptual_hash

pytestmark = [on_each_database, pytest.mark.django_db]
BITS = 256


def pages(hashes: list[str]) -> list[Page]:
    """Each of a prescription of its own."""
    made = [Prescription(client="shop", created_at=timezone.now()) for _ in hashes]
    Prescription.objects.bulk_create(made)
    files = [Document(id=one.pk, prescription=one, position=1, media_type="image/jpeg", size=1) for one in made]
    Document.objects.bulk_create(files)
    rows = [
        Page(prescription=one, document_id=one.pk, number=1, index=1, width=1, height=1, likeness=bits)
        for one, bits in zip(made, hashes, strict=True)
    ]
    return Page.objects.bulk_create(rows)


def turned(bits: str, places: list[int]) -> str:
    return f"{int(bits, 16) ^ sum(1 << place for place in places):064x}"


def test_a_hash_has_more_bands_than_bits_may_differ_and_each_digit_is_in_one() -> None:
    assert len(perceptual_hash.BANDS) > duplicates.NEAR
    assert sorted(place for band in perceptual_hash.BANDS for place in band) == list(range(64))


def test_comparing_by_bands_finds_what_a_look_at_every_page_finds() -> None:
    # given pages that differ in every number of bits around the bound, wherever these are, and pages that do not look
    # alike at all
    chance = random.Random(7)
    probe = f"{chance.getrandbits(BITS):064x}"
    spread = [place for band in perceptual_hash.BANDS for place in band]  # a bit of each band first
    near = [turned(probe, chance.sample(range(BITS), k=bits)) for bits in range(17) for _ in range(3)]
    near += [turned(probe, [4 * (63 - place) for place in spread[::5][:bits]]) for bits in (11, 12, 13)]
    others = [f"{chance.getrandbits(BITS):064x}" for _ in range(60)]
    known = pages([*near, *others, "", "-"])
    chance.shuffle(known)

    for taken_away in range(0, len(near), 3):
        Page.objects.filter(likeness__in=near[:taken_away]).update(likeness="-")
        everything = [
            (perceptual_hash.distance(probe, page.likeness), page.prescription_id)
            for page in Page.objects.exclude(likeness__in=("", "-"))
        ]
        expected = sorted(found for found in everything if found[0] <= duplicates.NEAR)[:5]
        [asking] = pages([probe])
        found = duplicates.nearest(asking, probe)
        assert [(entry["distance"], entry["rx"]) for entry in found] == expected
        asking.prescription.delete()


def scraped() -> None:
    """With a few among many that wait; of few the planner would take any index."""
    rows = Prescription.objects.bulk_create(Prescription(client="shop") for _ in range(400))
    Review.objects.bulk_create(
        Review(
            prescription=row,
            status=ReviewStatus.WITHDRAWN if number % 40 else ReviewStatus.QUEUED,
            queued_at=timezone.now(),
            due_at=timezone.now(),
        )
        for number, row in enumerate(rows)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE prescriptions_review")
    scrape.text(scrape.database)


def compared() -> None:
    chance = random.Random(8)
    *_earlier, page = pages(
        [f"{chance.getrandbits(BITS):064x}" for _ in range(2000)]
    )  # a few, it would read as a whole
    with connection.cursor() as cursor:
        for table in ("prescription", "document", "page"):  # and no other: an empty one would be known to be empty
            cursor.execute(f"ANALYZE prescriptions_{table}")
    duplicates.nearest(page, page.likeness)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (compared, "page_likeness_13"),
        (duplicates.sweep, "page_to_hash"),
        (erasure.sweep, "rx_to_purge"),
        (erasure.sweep, "rx_to_note"),
        (publication.tell_due, "rx_to_tell"),
        (lambda: remains.forget_likeness("0" * 32), "review_lookalikes"),
        (loose.sweep, "looseoriginal_since"),
        (scraped, "review_oldest"),
    ],
)
def test_the_question_is_answered_by_an_index(ask: Callable[[], object], index: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        ask()

    asked = [query["sql"] for query in queries.captured_queries[-4:] if "SELECT" in query["sql"]]
    explain, plan = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ", ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # it reads small tables as a whole
            cursor.execute("SET LOCAL enable_sort = off")  # and sorts few rows
        for statement in asked:
            cursor.execute(explain + statement)
            plan += "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert index in plan


@pytest.mark.django_db(transaction=True)
def test_indexes_of_large_tables_are_built_again_after_they_were_broken_off() -> None:
    # given what PostgreSQL leaves when building is broken off: an index of that name
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    everything = graph.leaf_nodes("prescriptions")
    [after] = [key for key in graph.nodes if key[1].endswith("_growth")]
    executor.migrate([parent.key for parent in graph.node_map[after].parents if parent.key[0] == "prescriptions"])
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("CREATE INDEX variant_backend ON prescriptions_variant (id)")
    finally:
        MigrationExecutor(connection).migrate([after])
        MigrationExecutor(connection).migrate(everything)

    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "prescriptions_variant")
    assert found["variant_backend"]["columns"] == ["backend", "created_at"]
