"""The sheet in a page as an image of its own: addresses, info.json, manifest, links."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from prescriptions.audit.actors import staff as as_actor
from prescriptions.models import AuditEvent, LentLink, Page, Sheet, Variant
from prescriptions.variants import sheets
from prescriptions.variants.pictures import is_advertised, preset_of
from tests.links import mint
from tests.prescriptions.conftest import assert_problem
from transforms.request.presets import PRESETS, advertised_sizes, preset

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]
CORNERS = [[30, 40], [270.5, 42], [265, 360], [25, 355]]  # of a page of 300 x 400 pixels
Shown = tuple[Sheet, str]


@pytest.fixture
def shown(page: Page, staff: dict[str, Any]) -> Shown:
    """A sheet and the path of its service, by a full link."""
    sheet = sheets.set_corners(page.prescription_id, 1, CORNERS, actor=as_actor(staff["pharmacist"]))
    return sheet, f"/iiif/3/{mint(page.prescription_id)}/{page.identifier}s{sheet.digest}"


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_a_miss_is_made_once_and_comes_back_to_a_hit(shown: Shown, http: Client) -> None:
    sheet, service = shown
    url = f"{service}/{preset('thumb', sheet.size)}"

    miss = http.get(url)
    made = http.get(miss["Location"])
    hit = http.get(made["Location"])

    assert (miss.status_code, made.status_code, made["X-Variant"]) == (307, 303, "generated")
    assert miss["Location"].startswith(f"/generate{url}?")
    assert made["Location"].startswith(f"{url}?hop=1")
    assert (hit.status_code, hit["X-Variant"], hit["Content-Type"]) == (200, "hit", "image/webp")
    assert f"{service}/full/{preset('thumb', sheet.size).size}/0/default.webp>" in hit["Link"]
    size = preset("thumb", sheet.size).size
    assert Image.open(io.BytesIO(content(hit))).size == (size.width, size.height)
    assert Variant.objects.get().sheet == sheet.digest


def test_without_a_digest_every_address_leads_to_the_sheet_that_counts(shown: Shown, http: Client) -> None:
    sheet, service = shown
    bare = service.removesuffix(sheet.digest)

    leads = {tail: http.get(f"{bare}{tail}") for tail in ("", "/info.json", "/full/max/0/color.jpg")}

    assert {tail: (answer.status_code, answer["Location"]) for tail, answer in leads.items()} == {
        "": (303, f"{service}/info.json"),
        "/info.json": (303, f"{service}/info.json"),
        "/full/max/0/color.jpg": (303, f"{service}/full/{sheet.width},{sheet.height}/0/default.jpg"),
    }
    assert {answer["Cache-Control"] for answer in leads.values()} == {"no-store"}
    generate = http.get(f"/generate{bare}/full/max/0/default.jpg")
    assert (generate.status_code, generate["Location"]) == (303, f"{service}/full/{sheet.size}/0/default.jpg")


def test_info_json_tells_of_the_sheet(shown: Shown, http: Client) -> None:
    sheet, service = shown

    body = http.get(f"{service}/info.json").json()

    assert body["id"].endswith(service)
    assert (body["width"], body["height"]) == (sheet.width, sheet.height)
    assert body["sizes"] == [{"width": size.width, "height": size.height} for size in advertised_sizes(sheet.size)]
    assert AuditEvent.objects.filter(verb="page.opened").exists()


def test_a_page_without_a_sheet_has_none(page: Page, http: Client) -> None:
    token = mint(page.prescription_id)

    for prefix in ("", "/generate"):
        path = f"{prefix}/iiif/3/{token}/{page.identifier}s"
        assert_problem(http.get(f"{path}/full/max/0/default.jpg"), 404, "sheet-missing")
        assert_problem(http.get(f"{path}01234567/full/max/0/default.jpg"), 404, "not-found")
    assert_problem(http.get(f"/iiif/3/{token}/{page.identifier}s/info.json"), 404, "sheet-missing")
    assert Variant.objects.count() == 0


@pytest.mark.parametrize("name", ["s0123456", "s012345678", "sABCDEF01", "ss", "S", "s01234567s"])
def test_what_is_no_identifier_is_404_before_the_token_is_looked_at(page: Page, http: Client, name: str) -> None:
    assert_problem(http.get(f"/iiif/3/no-token/{page.identifier}{name}/info.json"), 404, "not-found")


def test_a_link_to_one_page_opens_its_sheet_and_no_other(shown: Shown, page: Page, http: Client) -> None:
    sheet, _service = shown
    row = LentLink.objects.create(
        id="00aa11bb22cc",
        prescription=page.prescription,
        scope="f",
        pages=[1, 2],
        made_by="client:shop",
        made_at=timezone.now(),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    token, other = (mint(f"{page.prescription_id}_{number}", scope=f"f{row.pk}") for number in (1, 2))

    assert http.get(f"/iiif/3/{token}/{sheet.identifier}/info.json").status_code == 200
    assert http.get(f"/iiif/3/{other}/{sheet.identifier}/info.json").status_code == 403
    assert http.get(f"/iiif/3/{mint('0' * 32)}/{sheet.identifier}/info.json").status_code == 403


def test_the_manifest_offers_the_sheet_beside_the_photo(shown: Shown, page: Page, http: Client) -> None:
    sheet, service = shown
    token = service.split("/")[3]

    body = http.get(f"/iiif/presentation/3/{token}/{page.prescription_id}/manifest").json()

    (canvas,) = body["items"]
    choice = canvas["items"][0]["items"][0]["body"]
    assert choice["type"] == "Choice"
    assert [item["label"] for item in choice["items"]] == [{"en": ["Photo"]}, {"en": ["Paper"]}]
    assert [(item["width"], item["height"]) for item in choice["items"]] == [(300, 400), (sheet.width, sheet.height)]
    assert [item["service"][0]["id"].rpartition("/")[2] for item in choice["items"]] == [
        page.identifier,
        sheet.identifier,
    ]
    assert (canvas["width"], canvas["height"]) == (300, 400)
    assert canvas["thumbnail"][0]["id"].split("/")[-5] == page.identifier


def test_every_preset_of_it_is_advertised(shown: Shown) -> None:
    sheet, _service = shown
    assert all(is_advertised(sheet, preset_of(sheet, name)) for name in PRESETS)
