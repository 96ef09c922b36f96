"""All pages as one PDF: made once, and kept; who may have it, and what it costs to be refused."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pypdfium2
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import storage
from prescriptions.models import AuditEvent, OverrideReason, Page, Prescription, Variant, VariantState, WholePdf
from prescriptions.upkeep import erasure
from prescriptions.variants import links
from prescriptions.variants.documents import whole_pdf
from tests.links import mint
from tests.prescriptions.conftest import Upload, assert_problem, claim, file, picture
from tests.transforms import fixtures
from transforms.limits import LIMITS

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]
Bearer = Callable[..., dict[str, str]]
PRINT = "full/300,400/0/default.pdf"


@pytest.fixture
def mixed(upload: Upload) -> Prescription:
    """A photo of 300 x 400, a document of three pages, and a photo that lies on its side."""
    return upload(
        file("photo.jpg"),
        file("three.pdf", fixtures.vector_pdf(3), "application/pdf"),
        file("lying.jpg", fixtures.oriented(6)),
    )


def api(prescription: Prescription, query: str = "") -> str:
    return f"/api/v1/prescriptions/{prescription.pk}/document.pdf{query}"


def opened(response: Any) -> pypdfium2.PdfDocument:
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    body = b"".join(response.streaming_content)
    response.close()
    assert int(response["Content-Length"]) == len(body)
    return pypdfium2.PdfDocument(body)


def sizes(made: pypdfium2.PdfDocument) -> list[tuple[float, float]]:
    return [tuple(round(side, 1) for side in page.get_size()) for page in made]


def downloads(prescription: Prescription) -> list[tuple[str, bool]]:
    events = AuditEvent.objects.filter(rx=prescription.pk, verb="document.downloaded")
    return [(event.actor.partition(":")[0], event.data["a4"]) for event in events]


def test_every_page_in_order_and_made_once(mixed: Prescription, http: Client, bearer: Bearer) -> None:
    # when all pages are asked for, of which none was made, and again
    first = http.get(api(mixed), headers=bearer())
    made = opened(first)
    again = opened(http.get(api(mixed), headers=bearer()))

    # then they are there, and were made once
    assert sizes(made) == sizes(again) == [(225.0, 300.0), (96.0, 64.0), (96.0, 64.0), (96.0, 64.0), (72.0, 48.0)]
    texts = [page.get_textpage().get_text_bounded().strip() for page in made]
    assert texts == ["", "1", "2", "3", ""]
    assert list(Variant.objects.filter(page__prescription=mixed).values_list("state", "attempts")) == [("ready", 1)] * 5
    # and it is an attachment that nobody keeps
    assert first["Content-Disposition"] == f'attachment; filename="prescription-{mixed.pk[:8]}.pdf"'
    assert first["Cache-Control"] == "private, no-store"
    assert first["X-Content-Type-Options"] == "nosniff"
    assert downloads(mixed) == [("client", False)] * 2


def test_on_sheets_of_a4_pages_stay_upright(mixed: Prescription, http: Client, bearer: Bearer) -> None:
    # given a page that the reviewer turned
    Page.objects.filter(prescription=mixed, number=1).update(rotation=90)

    made = opened(http.get(api(mixed, "?fit=a4"), headers=bearer()))

    lying = (841.9, 595.3)
    assert sizes(made) == [lying] * 5
    assert downloads(mixed) == [("client", True)]


def test_who_may_not_have_it_gets_nothing_and_nothing_is_made(
    mixed: Prescription, http: Client, bearer: Bearer
) -> None:
    assert_problem(http.get(api(mixed)), 401)
    assert_problem(http.get(api(mixed), headers=bearer("rx:write")), 403)
    assert_problem(http.get(api(mixed), headers=bearer(client="another")), 404)
    assert_problem(http.get(api(mixed, "?fit=a3"), headers=bearer()), 400, "invalid")
    # a link that shows redacted pages only does not open the clear ones
    redacted = links.document_path(mixed.pk, mint(mixed.pk, scope="r"))
    forged = links.document_path(mixed.pk, mint("0" * 32))
    for refused in (redacted, forged):
        assert_problem(http.get(refused), 403, "link-refused")
    assert_problem(http.get(links.document_path("x", mint(mixed.pk))), 404)
    Prescription.objects.filter(pk=mixed.pk).update(erased_at=timezone.now())
    assert_problem(http.get(links.document_path(mixed.pk, mint(mixed.pk))), 410)

    assert not Variant.objects.filter(page__prescription=mixed).exists()
    assert downloads(mixed) == []


def test_the_manifest_leads_to_it(mixed: Prescription, http: Client) -> None:
    manifest = http.get(links.manifest_path(mixed.pk, mint(mixed.pk))).json()

    whole, *originals = manifest["rendering"]
    assert (whole["format"], whole["label"]) == ("application/pdf", {"en": ["All pages as PDF"]})
    assert len(opened(http.get(whole["id"]))) == 5
    assert downloads(mixed) == [("link", False)]
    # the originals hold more than the link shows, and want more than the link
    assert [item["format"] for item in originals] == ["image/jpeg", "application/pdf", "image/jpeg"]
    for item in originals:
        assert_problem(http.get(item["id"]), 401)


def test_while_a_page_is_being_made_it_says_when_to_come_back(
    page: Page, http: Client, bearer: Bearer, settings: Settings
) -> None:
    # given a page that somebody else is making
    settings.RX_WAIT = 0
    claim(page, PRINT, state=VariantState.RENDERING)

    refused = http.get(api(page.prescription), headers=bearer())

    assert_problem(refused, 503, "not-ready")
    assert int(refused["Retry-After"]) > 0
    assert downloads(page.prescription) == []


def test_a_page_that_cannot_be_made_is_named_and_never_left_out(upload: Upload, http: Client, bearer: Bearer) -> None:
    prescription = upload(file("one.jpg"), file("two.jpg", picture(200, 300)))
    second = Page.objects.select_related("prescription", "document").get(prescription=prescription, number=2)
    claim(second, "full/200,300/0/default.pdf", state=VariantState.FAILED, error_code="source-damaged")

    body = assert_problem(http.get(api(prescription), headers=bearer()), 422, "source-damaged")

    assert body["detail"].startswith("Page 2: ")


def test_more_than_one_pdf_should_hold_is_refused(
    page: Page, http: Client, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_pdf, "LIMITS", replace(LIMITS, document_bytes=1000))

    assert_problem(http.get(api(page.prescription), headers=bearer()), 422, "document-too-large")
    assert not WholePdf.objects.exists()  # nobody waits for it


def kept(prescription: Prescription) -> list[str]:
    prefix = f"{prescription.pk}/document/"
    return [listed.key for listed in storage.list_objects("rx-variants", prefix)]


def test_it_is_put_together_once_for_all_who_ask(
    mixed: Prescription, http: Client, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, whole = [], whole_pdf.whole
    monkeypatch.setattr(whole_pdf, "whole", lambda *args, **more: (counted.append(1), whole(*args, **more))[1])
    headers = bearer()

    def ask(_: int) -> tuple[int, str]:
        try:
            answer = Client().get(api(mixed), headers=headers)
            return answer.status_code, answer["ETag"] if answer.streaming and list(answer.streaming_content) else ""
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(5)))
    head = http.head(api(mixed), headers=headers)

    assert {*answers} == {(200, head["ETag"])}
    assert len(counted) == 1
    (row,) = WholePdf.objects.all()
    assert kept(mixed) == [row.key]
    # on sheets it is another one; and so it is when a page was turned, and then the old one goes
    opened(http.get(api(mixed, "?fit=a4"), headers=headers))
    Page.objects.filter(prescription=mixed, number=1).update(rotation=180)
    opened(http.get(api(mixed), headers=headers))
    assert len(counted) == 3
    assert sorted(kept(mixed)) == sorted(row.key for row in WholePdf.objects.all())
    assert row.key not in kept(mixed)


def test_whoever_died_over_it_keeps_nobody_waiting_for_long(
    page: Page, http: Client, bearer: Bearer, settings: Settings
) -> None:
    usual, settings.RX_WAIT = settings.RX_WAIT, 0
    later = timezone.now() + timedelta(minutes=1)
    row = WholePdf.objects.create(prescription=page.prescription, digest="0" * 32, owner="dead", until=later)

    assert_problem(http.get(api(page.prescription), headers=bearer()), 503, "not-ready")
    settings.RX_WAIT = usual
    WholePdf.objects.filter(pk=row.pk).update(until=timezone.now())
    opened(http.get(api(page.prescription), headers=bearer()))


def test_it_goes_with_its_prescription(page: Page, http: Client, bearer: Bearer) -> None:
    rx, headers = page.prescription, bearer()
    opened(http.get(api(rx), headers=headers))
    assert len(kept(rx)) == 1

    erasure.erase(rx, override=erasure.Override(OverrideReason.ORDERED))

    assert (kept(rx), WholePdf.objects.count()) == ([], 0)
    assert_problem(http.get(api(rx), headers=headers), 410, "erased")


def test_a_lost_page_is_made_again(page: Page, http: Client, bearer: Bearer) -> None:
    # given a ready row whose object is gone, and so is the document that it was in
    opened(http.get(api(page.prescription), headers=bearer()))
    (variant,) = Variant.objects.filter(page=page)
    storage.delete_variant(variant.key)
    storage.delete_variant(WholePdf.objects.get().key)

    assert len(opened(http.get(api(page.prescription), headers=bearer()))) == 1
    assert io.BytesIO(b"".join(storage.open_variant(variant.key)[1])).read(5) == b"%PDF-"
