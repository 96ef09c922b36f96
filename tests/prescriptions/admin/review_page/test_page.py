"""The review page on the server: who sees and may do what, refusals that keep what was typed, and write nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prescriptions.models import (
    AuditEvent,
    Page,
    Prescription,
    Redaction,
    Review,
    ReviewStatus,
    Variant,
)
from prescriptions.review import queue
from tests.prescriptions.reviewing import FETCH, Staff, address, claimed, events, form, signed_in, text_of
from tests.prescriptions.staff import Clock, Make, confirm
from transforms.version import PIPELINE

S = ReviewStatus


# --- Looking --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "claims", "pictures"),
    [("pharmacist", True, True), ("senior", True, True), ("auditor", False, False)],
)
def test_each_role_sees_its_part_and_opening_never_claims(
    make: Make, staff: Staff, role: str, claims: bool, pictures: bool
) -> None:
    review = make(pages=2, lines=1)

    page = signed_in(staff[role]).get(address(review))

    assert page.status_code == 200
    assert (">Claim it<" in text_of(page)) is claims
    assert ("/iiif/3/" in text_of(page)) is pictures
    assert "What happened" in text_of(page)
    assert 'name="outcome"' not in text_of(page)
    review.refresh_from_db()
    assert (review.status, review.version, review.claimed_by) == (S.QUEUED, 1, None)
    assert ("link.minted" in events(review)) is pictures


def test_who_may_not_see_reviews_gets_nothing(make: Make, staff: Staff) -> None:
    review = make()

    assert signed_in(staff["ops"]).get(address(review)).status_code == 403
    assert "/admin/login/" in Client().get(address(review)).headers["Location"]
    assert events(review) == ["received"]


def test_what_is_gone_and_what_never_was(make: Make, staff: Staff) -> None:
    review, client = make(), signed_in(staff["pharmacist"])
    Prescription.objects.filter(pk=review.pk).update(erased_at=timezone.now())

    assert client.get(address(review)).status_code == 410
    assert client.post(address(review, "decide"), form(review)).status_code == 410
    assert client.get(address(review).replace(review.pk, "0" * 32)).status_code == 404


def test_queries_do_not_grow_with_pages_lines_or_history(make: Make, staff: Staff, clock: Clock) -> None:
    counts = set()
    make()
    client = signed_in(staff["pharmacist"])
    for number in (1, 6):
        for _ in range(number):
            make(order_ref=f"ORD-{number}", pages=number)
        review = queue.claim(make(pages=number, lines=number, order_ref=f"ORD-{number}").pk, staff["pharmacist"])
        client.get(address(review))  # hands out links, which is recorded once
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address(review)).status_code == 200
        counts.add(len(queries))

    assert len(counts) == 1
    assert max(counts) <= 22


def test_what_pages_do_not_show_stands_above_the_picture(held: Review, staff: Staff) -> None:
    Page.objects.filter(prescription=held.pk, number=2).update(notices=["missing-glyphs", "of a newer version"])

    page = text_of(signed_in(staff["pharmacist"]).get(address(held)))

    found = re.findall(r'data-notice="([\w-]+)".+?<h2[^>]*>(.+?)</h2>', page, re.DOTALL)
    assert found == [("missing-glyphs", "Page 2: Text may be missing or wrong")]
    assert page.index('data-notice="missing-glyphs"') < page.index("data-viewer")
    assert "Please send a photo" not in page  # that is for customers
    Page.objects.filter(prescription=held.pk).update(notices=[])
    assert "data-notice" not in text_of(signed_in(staff["pharmacist"]).get(address(held)))


def test_a_strip_link_is_in_the_audit_log_and_counts_for_nothing(make: Make, staff: Staff) -> None:
    held = claimed(make, staff["pharmacist"], pages=2)

    page = signed_in(staff["pharmacist"]).get(address(held), {"page": "2"})

    assert "data-seen" not in text_of(page)
    signed_in(staff["pharmacist"]).get(address(held), {"page": "2,1"})
    page = signed_in(staff["pharmacist"]).get(address(held), {"page": "99"})
    assert page.status_code == 404
    assert [e.data for e in AuditEvent.objects.filter(rx=held.pk, verb="page.opened")] == [{"page": 2}], "once an hour"


def test_others_see_who_holds_it_and_until_when(held: Review, staff: Staff) -> None:
    page = text_of(signed_in(staff["other"]).get(address(held)))
    until = timezone.localtime(held.claimed_until).strftime("%H:%M")

    assert f"pharmacist holds this until {until}" in page
    assert 'name="outcome"' not in page
    assert "Put back into the queue" not in page
    assert "Put back into the queue" in text_of(signed_in(staff["senior"]).get(address(held)))


def test_lookalikes_and_earlier_ones_can_be_compared(make: Make, staff: Staff) -> None:
    first = make(order_ref="ORD-9")
    found = [{"page": 1, "rx": first.pk, "number": 1, "distance": 0}]
    review = make(order_ref="ORD-9", lookalikes=found, is_duplicate=True, is_small=True, is_dark=True)

    page = text_of(signed_in(staff["pharmacist"]).get(address(review)))

    assert f"Page 1 is the same file as page 1 of RX-{first.pk[:8]}" in page
    assert page.count(f'data-compare="{first.pk}_1"') == 2
    assert "A page is small" in page
    assert "A page is dark" in page
    assert "1 earlier prescription" in page
    assert "link.minted" in events(first), "the page hands out a link to the other one, too"


# --- Claiming and giving back ---------------------------------------------------------------------------------
def test_claim_keeps_what_was_typed(make: Make, staff: Staff) -> None:
    review, client = make(lines=1), signed_in(staff["pharmacist"])

    plain = client.post(address(review, "claim"))
    typed = client.post(address(review, "claim"), {"prescriber": "Dr Rao", "line-1-decision": "owing"})

    assert (plain.status_code, plain.headers["Location"]) == (303, address(review))
    assert typed.status_code == 200
    assert 'value="Dr Rao"' in text_of(typed)
    assert re.search(r'value="owing" checked', text_of(typed))
    review.refresh_from_db()
    assert (review.status, review.claimed_by) == (S.IN_REVIEW, staff["pharmacist"])


def test_release_and_skip_lead_to_the_queue(make: Make, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])
    for action in ("release", "skip"):
        review = queue.claim(make().pk, staff["pharmacist"])
        answer = client.post(address(review, action), {"version": review.version})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/prescriptions/review/")
        review.refresh_from_db()
        assert (review.status, review.claimed_by) == (S.QUEUED, None)
        assert events(review)[-1] == f"review.{action}"


REFUSED = [
    ("auditor", "claim", 409),
    ("auditor", "heartbeat", 409),
    ("auditor", "opened", 403),
    ("auditor", "seen", 403),
    ("auditor", "rotate", 403),
    ("auditor", "redact", 403),
    ("auditor", "uncover", 403),
    ("senior", "uncover", 404),
    ("auditor", "sheet", 403),
    ("auditor", "decide", 403),
    ("auditor", "undo", 403),
    ("other", "claim", 409),
    ("other", "release", 409),
    ("other", "skip", 409),
    ("other", "heartbeat", 409),
    ("other", "seen", 409),
    ("other", "decide", 409),
    ("other", "ask", 409),
    ("other", "confirm", 403),
    ("other", "reopen", 403),
    ("other", "undo", 409),
    ("senior", "confirm", 409),
    ("senior", "disagree", 409),
    ("senior", "reopen", 409),
    ("ops", "claim", 403),
    ("ops", "decide", 403),
]


@pytest.mark.parametrize(("role", "action", "status"), REFUSED)
def test_what_is_refused_writes_nothing(held: Review, staff: Staff, role: str, action: str, status: int) -> None:
    before = Review.objects.filter(pk=held.pk).values().get(), events(held)
    sent = {
        **form(held),
        "page": 1,
        "pages": "1",
        "rotation": 90,
        "boxes": "[[0,0,9,9]]",
        "corners": "[[0,0],[900,0],[900,900],[0,900]]",
        "question": "?",
        "note": "no",
    }

    answer = signed_in(staff[role]).post(address(held, action), sent)

    assert answer.status_code == status
    after = [verb for verb in events(held) if verb != "link.minted"]  # the refused page has pictures
    assert (Review.objects.filter(pk=held.pk).values().get(), after) == before


@pytest.mark.parametrize(
    "action", ["claim", "release", "skip", "decide", "undo", "heartbeat", "opened", "seen", "rotate", "sheet"]
)
def test_nothing_is_done_by_get_or_without_a_session(held: Review, staff: Staff, action: str) -> None:
    assert signed_in(staff["pharmacist"]).get(address(held, action)).status_code == 405
    answer = Client().post(address(held, action), form(held))
    assert answer.status_code == 302
    assert "/admin/login/" in answer.headers["Location"]
    held.refresh_from_db()
    assert held.version == 2


# --- The small posts ------------------------------------------------------------------------------------------
def test_a_heartbeat_brings_a_fresh_lease_and_fresh_links(
    held: Review, staff: Staff, settings: Any, clock: Clock
) -> None:
    Review.objects.filter(pk=held.pk).update(claimed_until=clock.now + timedelta(seconds=30))
    settings.RX_REVIEW_LEASE = 90
    other = Prescription.objects.create(client="shop")

    answer = signed_in(staff["pharmacist"]).post(address(held, "heartbeat"), {"others": f"{other.pk},x"}, **FETCH)

    body = answer.json()
    assert "no-store" in answer.headers["Cache-Control"]
    assert body["left"] == 90
    assert body["services"]["2"].endswith(f"/{held.pk}_2")
    assert body["thumbs"]["1"].endswith("/full/150,200/0/default.webp")
    assert body["others"] == {}
    assert "link.minted" in events(held)
    assert signed_in(staff["other"]).post(address(held, "heartbeat"), **FETCH).status_code == 409


def test_pages_are_reported_as_they_are_painted(make: Make, staff: Staff) -> None:
    review = claimed(make, staff["pharmacist"], pages=3)
    client, sent = signed_in(staff["pharmacist"]), {"version": review.version, "pages": "2,3"}

    for _ in (1, 2):
        assert client.post(address(review, "seen"), sent, **FETCH).status_code == 204
    late = client.post(address(review, "seen"), {**sent, "version": 1}, **FETCH)
    other = signed_in(staff["other"]).post(address(review, "seen"), sent, **FETCH)
    nowhere = client.post(address(review, "seen"), {**sent, "pages": "4"}, **FETCH)

    assert [answer.status_code for answer in (late, other, nowhere)] == [409, 409, 404]
    assert events(review)[-2:] == ["page.seen", "page.seen"]
    page = text_of(client.get(address(review)))
    assert page.count("data-seen") == 2
    assert "data-count>1</b>" in page
    assert "data-unseen" not in text_of(signed_in(staff["other"]).get(address(review))), "it counts for who decides"
    assert client.post(address(review, "opened"), {"page": 2}, **FETCH).status_code == 204


def test_without_scripts_a_button_declares_a_page_and_leads_to_the_next(make: Make, staff: Staff) -> None:
    review, client = claimed(make, staff["pharmacist"], pages=3), signed_in(staff["pharmacist"])
    assert "I have looked at page 2" in text_of(client.get(address(review), {"page": "2"}))

    answer = client.post(address(review, "seen"), {"version": review.version, "pages": "2"})
    last = client.post(address(review, "seen"), {"version": review.version, "pages": "1,3"})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address(review)}?page=1")
    assert last.headers["Location"] == f"{address(review)}?page=3"
    assert "I have looked at" not in text_of(client.get(address(review)))
    declared = AuditEvent.objects.filter(rx=review.pk, verb="page.seen")
    assert [event.data for event in declared] == [{"page": number, "declared": True} for number in (2, 1, 3)]


def test_a_turned_page_is_turned_everywhere_from_then_on(held: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])

    answer = client.post(address(held, "rotate"), {"page": 1, "rotation": 90}, **FETCH)
    wrong = client.post(address(held, "rotate"), {"page": 1, "rotation": 45}, **FETCH)

    assert answer.json()["thumb"].endswith("/full/150,200/90/default.webp")
    assert (answer.json()["width"], answer.json()["height"]) == (200, 150)
    assert wrong.status_code == 422
    assert Page.objects.get(prescription=held.pk, number=1).rotation == 90
    page = text_of(client.get(address(held)))
    assert page.count("/full/1200,1600/90/default.webp") >= 2, "first image and the viewer's data"
    assert '"rotation": 90' in page


def test_redactions_are_confirmed_shown_and_need_the_right(held: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])

    for boxes in ("", "[", "5", "[[0,0,0,9]]", "[[0,0,5000,9]]", '[["a",0,1,1]]'):
        assert client.post(address(held, "redact"), {"page": 1, "boxes": boxes}, **FETCH).status_code == 422
    assert not Redaction.objects.exists()
    answer = client.post(address(held, "redact"), {"page": 1, "boxes": "[[10,20,30,40]]"}, **FETCH)

    assert answer.json()["boxes"] == [[10, 20, 30, 40]]
    assert '"boxes": [[10, 20, 30, 40]]' in text_of(client.get(address(held)))


def test_what_was_blacked_out_is_opened_only_by_whoever_confirms_who_they_are(held: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])

    def redact(boxes: str) -> int:
        return int(client.post(address(held, "redact"), {"page": 1, "boxes": boxes}, **FETCH).status_code)

    assert redact("[[10,20,30,40],[100,100,9,9]]") == 200
    assert redact("[[5,5,300,300]]") == 200, "more is hidden than before"
    assert [redact(boxes) for boxes in ("[[5,5,300,299]]", "[[6,5,300,300]]")] == [403] * 2
    assert Redaction.objects.get(superseded_at=None).boxes == [[5, 5, 300, 300]]

    confirm(client)
    assert redact("[[5,5,300,299]]") == 200


def test_who_looks_under_what_is_blacked_out_is_in_the_audit_log(held: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])
    client.post(address(held, "redact"), {"page": 1, "boxes": "[[10,20,30,40]]"}, **FETCH)

    assert [client.post(address(held, "uncover"), {"page": n}, **FETCH).status_code for n in (1, 2)] == [204, 404]
    assert client.get(address(held, "uncover")).status_code == 405
    assert events(held)[-2:] == ["page.redacted", "page.uncovered"]
    assert "Looked under what is blacked out" in text_of(client.get(address(held)))


def test_the_next_first_image_is_named_only_if_it_is_made(held: Review, make: Make, staff: Staff) -> None:
    following, client = make(), signed_in(staff["pharmacist"])
    assert '"next": ""' in text_of(client.get(address(held)))
    page = Page.objects.get(prescription=following.pk)
    Variant.objects.create(page=page, stored="full/1200,1600/0/default.webp", pipeline=PIPELINE, state="ready")

    assert re.search(
        rf'"next": "/iiif/3/[^"]+/{following.pk}_1/full/1200,1600/0/default.webp"', text_of(client.get(address(held)))
    )
    assert "link.minted" in events(following)
