"""Sheets on a real S3: one of a page counts, its variants are its own, and nothing of an older one stays."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from bench import papers
from prescriptions.audit.actors import staff as as_actor
from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.intake import drafts, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import AuditEvent, Page, Prescription, Review, Sheet, SheetSource, Variant, VariantState
from prescriptions.upkeep import erasure, reviews
from prescriptions.upkeep.reconcile import reconcile
from prescriptions.variants import claims, redactions, sheets
from prescriptions.variants.warm import warm
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import SOMEBODY, Upload, assert_problem, file, objects
from tests.prescriptions.staff import Make
from tests.prescriptions.variants.sheet_at_hand import FIRST, SECOND, get, put, render
from tests.prescriptions.variants.sheet_at_hand import page as page
from tests.transforms.rendering import near
from transforms.measure import sheet as measured
from transforms.request.paper import Paper
from transforms.request.presets import preset
from transforms.version import PIPELINE

pytestmark = pytest.mark.django_db
LIKELY = 0.5


def find(page: Page, corners: Sequence[Any], confidence: float) -> Sheet:
    """As intake would have found it."""
    a, b, c, d = ((float(x), float(y)) for x, y in corners)
    row = Sheet.found(page, measured.Sheet((a, b, c, d), confidence))
    assert row
    row.save()
    return row


def shown(key: str) -> Image.Image:
    _described, chunks = storage.open_variant(key)
    image = Image.open(io.BytesIO(b"".join(chunks)))
    image.load()
    return image.convert("RGB")


# --- Found ------------------------------------------------------------------------------------------------------------
def photo(table: str = "wood") -> bytes:
    out = io.BytesIO()
    papers.photo(2003, 1.5, table=table, effects=frozenset()).image.save(out, "JPEG", quality=90)
    return out.getvalue()


def test_a_photo_keeps_its_sheet_from_intake_on(upload: Upload, seeded: None) -> None:
    page = upload(file(data=photo())).pages.get()

    sheet = page.sheet
    assert sheet is not None
    assert (sheet.source, sheet.proposed, sheet.set_by) == (SheetSource.AUTO, False, None)
    assert sheet.digest == Paper.of(sheet.corners, page.size).digest
    assert sheet.confidence is not None
    assert sheet.confidence > 0.8
    assert sheet.light
    assert page.measures is not None
    assert page.measures.sheet == sheet.measured


def test_files_that_are_used_again_bring_their_sheet_along(upload: Upload, link: OrderLink, staff: Any) -> None:
    earlier = upload(file(data=photo()), order_ref="A-0")
    moved = [[round(x) + 9, round(y) + 5] for x, y in earlier.pages.get().sheets.get().corners]
    put(earlier.pages.get(), moved, staff["pharmacist"])

    drafts.reuse(link, earlier)
    sent = submission.submit(link, [row.pk for row in drafts.files_of(link)])

    assert sent is not None
    again = Page.objects.get(prescription=sent.pk).sheet
    assert again is not None
    assert again.corners == moved


def test_what_is_likely_is_proposed_and_has_no_address(page: Page, staff: Any) -> None:
    row = find(page, FIRST, LIKELY)

    assert (page.sheet, page.standing_sheet) == (None, row)
    assert get(page, "", "info.json").status_code == 404
    assert get(page, row.digest, "info.json").status_code == 404

    taken = put(page, row.corners, staff["pharmacist"])

    assert (taken.pk, taken.proposed, taken.source, taken.set_by) == (row.pk, False, "person", staff["pharmacist"])
    assert get(page, row.digest, "info.json").status_code == 200


def test_what_a_renderer_says_is_none_unless_it_can_be_one(row: Page) -> None:
    crossed = measured.Sheet(((0.0, 0.0), (300.0, 400.0), (300.0, 0.0), (0.0, 400.0)), 1.0)

    assert Sheet.found(row, crossed) is None
    assert Sheet.found(row, None) is None


def test_a_page_that_is_measured_later_gets_its_sheet_unless_somebody_has_spoken(
    upload: Upload, staff: dict[str, Any]
) -> None:
    sent = upload(file(data=photo()))
    found = sent.pages.get().sheets.get()
    Sheet.objects.all().delete()
    sent.pages.update(likeness="")

    assert reviews.housekeeping()["compared"] == 1
    assert sent.pages.get().sheet == Sheet.objects.get(digest=found.digest)

    sheets.refuse(sent.pk, 1, actor=as_actor(staff["pharmacist"]))
    sent.pages.update(likeness="")
    assert reviews.housekeeping()["compared"] == 1
    assert sent.pages.get().standing_sheet is None


# --- Set by a person --------------------------------------------------------------------------------------------------
def test_its_variants_are_pictures_of_the_paper_under_keys_of_their_own(page: Page, staff: dict[str, Any]) -> None:
    patch = [[38, 50], [150, 50], [150, 133], [38, 133]]  # the navy one
    sheet = put(page, patch, staff["pharmacist"])

    variant = render(sheet)

    assert variant.state == VariantState.READY
    assert variant.key == f"{page.prescription_id}/1s{sheet.digest}/{PIPELINE}/{variant.stored}"
    found = shown(variant.key)
    assert found.size == (112, 83)
    assert near(found.getpixel((56, 40)), (0, 0, 128))
    described = storage.head_variant(variant.key)
    assert described.metadata["canonical"] == "full/max/0/default.webp"
    events = AuditEvent.objects.filter(rx=page.prescription_id, verb="page.sheet_set").values_list("data", flat=True)
    assert list(events) == [{"page": 1, "sheet": sheet.digest}]


def test_the_page_and_its_sheet_share_nothing_but_the_stored_form(page: Page, staff: dict[str, Any]) -> None:
    whole = [[0, 0], [300, 0], [300, 400], [0, 400]]
    sheet = put(page, whole, staff["pharmacist"])
    stored = preset("thumb", page.size)
    assert stored == preset("thumb", sheet.size)

    of_page, first = claims.insert(page, stored, advertised=True)
    of_sheet, second = claims.insert(sheet, stored, advertised=True)
    again, third = claims.insert(sheet, stored, advertised=True)

    assert (first, second, third) == (True, True, False)
    assert (again.pk, of_page.key != of_sheet.key) == (of_sheet.pk, True)


def test_the_same_corners_again_change_nothing(page: Page, staff: dict[str, Any]) -> None:
    first = put(page, FIRST, staff["pharmacist"])
    changed = Prescription.objects.get().updated_at

    assert put(page, FIRST, staff["senior"]).pk == first.pk
    assert Sheet.objects.count() == 1
    assert Prescription.objects.get().updated_at == changed


def test_other_corners_end_the_old_sheet_its_objects_and_its_address(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    old = put(page, FIRST, staff["pharmacist"])
    variant = render(old)
    assert storage.variant_exists(variant.key)

    with django_capture_on_commit_callbacks(execute=True):
        new = put(page, SECOND, staff["senior"])

    assert page.sheet == new
    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()
    for prefix in ("", "/generate"):
        gone = get(page, old.digest, variant.stored, prefix=prefix)
        assert_problem(gone, 410, "sheet-superseded")
        assert get(page, "00000000", variant.stored, prefix=prefix).status_code == 404
    assert Sheet.objects.get(pk=old.pk).cleared_at is not None


def test_no_sheet_is_an_answer_too(page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any) -> None:
    old = put(page, FIRST, staff["pharmacist"])
    variant = render(old)

    with django_capture_on_commit_callbacks(execute=True):
        sheets.refuse(page.prescription_id, 1, actor=as_actor(staff["pharmacist"]))

    assert (page.sheet, page.standing_sheet) == (None, None)
    assert not storage.variant_exists(variant.key)
    assert_problem(get(page, "", "info.json"), 404, "sheet-missing")
    assert_problem(get(page, old.digest, "info.json"), 410, "sheet-superseded")
    assert AuditEvent.objects.filter(verb="page.sheet_refused").count() == 1
    sheets.refuse(page.prescription_id, 1, actor=as_actor(staff["pharmacist"]))
    assert AuditEvent.objects.filter(verb="page.sheet_refused").count() == 1


def test_corners_that_come_back_come_back_whole(page: Page, staff: dict[str, Any]) -> None:
    first = put(page, FIRST, staff["pharmacist"])
    render(first)
    put(page, SECOND, staff["pharmacist"])

    again = put(page, FIRST, staff["pharmacist"])
    assert reviews.housekeeping()["sheets"] == 1
    variant = render(again)

    assert again.digest == first.digest
    assert variant.state == VariantState.READY
    assert storage.variant_exists(variant.key)


@pytest.mark.parametrize(
    "corners",
    [None, "x", [], [[1, 2]] * 4, FIRST[:3], FIRST[::-1], [[-41, 0], *FIRST[1:]], [[0, 0], [9, 0], [9, 9], [0, 9]]],
)
def test_corners_that_are_none_are_refused(page: Page, staff: dict[str, Any], corners: Any) -> None:
    with pytest.raises(Problem) as refused:
        put(page, corners, staff["pharmacist"])

    assert (refused.value.status, refused.value.code) == (422, "invalid")
    assert Sheet.objects.count() == 0


@pytest.mark.parametrize("name", ["auditor", "ops"])
def test_only_those_who_review_set_it(page: Page, staff: dict[str, Any], name: str) -> None:
    for attempt in (
        lambda: put(page, FIRST, staff[name]),
        lambda: sheets.refuse(page.prescription_id, 1, actor=as_actor(staff[name])),
    ):
        with pytest.raises(Problem) as refused:
            attempt()
        assert refused.value.status == 403
    assert Sheet.objects.count() == 0


# --- What is blacked out, and what is erased --------------------------------------------------------------------------
def test_what_is_blacked_out_on_the_page_is_on_the_sheet_and_a_redacted_link_shows_nothing_else(
    page: Page, staff: dict[str, Any]
) -> None:
    sheet = put(page, FIRST, staff["pharmacist"])
    tail = "full/max/0/default.png"
    assert get(page, "", tail, scope="r").status_code == 404, "never the clear one"
    digest = redactions.confirm(page.prescription_id, 1, [[38, 50, 112, 83]], actor=as_actor(staff["senior"])).digest

    for name in ("", sheet.digest):
        answer = get(page, name, tail, scope="r")
        assert answer.status_code == 303
        size = f"{sheet.width},{sheet.height}"
        assert answer["Location"].endswith(f"{page.identifier}s{sheet.digest}/full/{size}/0/redacted-{digest}.png")
    for quality in ("color", "gray", "enhanced", "bitonal"):
        assert get(page, sheet.digest, f"full/max/0/{quality}.png", scope="r").status_code == 403
    assert get(page, sheet.digest, "info.json", scope="r").status_code == 403
    found = shown(render(sheet, f"redacted-{digest}").key)
    colours = {colour for _count, colour in found.getcolors(1 << 16) or ()}
    assert not [colour for colour in colours if isinstance(colour, tuple) and colour[2] > colour[0] + 60], "navy"


def test_an_erasure_leaves_nothing_of_it(page: Page, staff: dict[str, Any], servers: Stack) -> None:
    variant = render(put(page, FIRST, staff["pharmacist"]))
    rx = page.prescription_id
    assert objects(servers, "rx-variants", f"{rx}/")

    erasure.erase(Prescription.objects.get(pk=rx))

    assert objects(servers, "rx-variants", f"{rx}/") == []
    assert (Sheet.objects.count(), Variant.objects.count()) == (0, 0)
    assert_problem(get(page, variant.sheet, variant.stored), 410, "erased")


def test_the_reconciler_knows_its_objects(page: Page, staff: dict[str, Any]) -> None:
    render(put(page, FIRST, staff["pharmacist"]))

    assert reconcile(dry_run=True).rows_without_objects == 0


# --- Ahead of who looks -----------------------------------------------------------------------------------------------
def test_who_reviews_finds_the_sheet_made_where_there_is_one(
    make: Make, staff: dict[str, Any], recorder: list[str]
) -> None:
    review = make(pages=2)
    first, second = review.prescription.pages.order_by("number")
    sheet = put(first, [[x * 2, y * 2] for x, y in FIRST], staff["pharmacist"])

    assert warm(review.pk, by=SOMEBODY) == 4

    asked = [(row.page.number, row.sheet, row.stored) for row in Variant.objects.order_by("created_at", "id")]
    assert sorted(asked) == sorted(
        [
            (1, sheet.digest, str(preset("review", sheet.size))),
            (2, "", str(preset("review", second.size))),
            (1, "", str(preset("thumb", first.size))),
            (2, "", str(preset("thumb", second.size))),
        ]
    )
    assert warm(review.pk, by=SOMEBODY) == 0
    assert Review.objects.count() == 1
