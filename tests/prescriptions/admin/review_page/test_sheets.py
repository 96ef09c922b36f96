"""The paper in a photo on the review page: what the viewer is told of it, and what is kept."""

from typing import Any

import pytest
from django.test import Client

from prescriptions.models import Page, Review, Sheet, SheetSource
from tests.prescriptions.reviewing import FETCH, address, events, signed_in, text_of
from tests.prescriptions.staff import Make
from transforms.request.paper import Paper

CORNERS = "[[120,160],[1080.5,168],[1060,1440],[100,1420]]"  # of a page of 1200 x 1600 pixels


@pytest.fixture
def client(staff: dict[str, Any]) -> Client:
    return signed_in(staff["pharmacist"])


def test_the_page_opens_on_the_sheet(make: Make, client: Client) -> None:
    review = make(pages=1)

    answer = client.post(address(review, "sheet"), {"page": 1, "corners": CORNERS}, **FETCH)

    sheet = Sheet.objects.get()
    told = answer.json()["sheet"]
    assert (told["digest"], told["corners"]) == (sheet.digest, sheet.corners)
    assert told["first"].endswith(f"_1s{sheet.digest}/full/{sheet.width},{sheet.height}/0/default.webp")
    page = text_of(client.get(address(review)))
    assert f'data-first src="{told["first"]}"' in page
    assert f'width="{sheet.width}" height="{sheet.height}" alt="" fetchpriority="high"' in page
    assert "page.sheet_set" in events(review)
    assert client.post(address(review, "heartbeat")).status_code == 409  # nobody has claimed it


def test_what_is_proposed_is_told_and_can_be_refused(make: Make, client: Client) -> None:
    review = make(pages=1)
    row = Page.objects.get()
    found = Sheet.of(row, Paper.of([(9, 9), (1100, 9), (1100, 1500), (9, 1500)], row.size), source=SheetSource.AUTO)
    found.proposed = True
    found.save()
    assert '"sheet": null, "proposal": [[9.0, 9.0]' in text_of(client.get(address(review)))

    answer = client.post(address(review, "sheet"), {"page": 1, "corners": ""}, **FETCH)

    assert answer.json() == {"sheet": None}
    assert '"sheet": null, "proposal": null' in text_of(client.get(address(review)))
    assert "page.sheet_refused" in events(review)


@pytest.mark.parametrize(
    "corners", ["[", "5", "[[0,0]]", "[" * 9999, '[["a",0],[1,1],[2,2],[3,3]]', "[[0,0],[9,0],[9,9],[0,9]]"]
)
def test_corners_that_are_none_are_refused(make: Make, client: Client, corners: str) -> None:
    review = make(pages=1)

    assert client.post(address(review, "sheet"), {"page": 1, "corners": corners}, **FETCH).status_code == 422
    assert client.post(address(review, "sheet"), {"page": 7, "corners": CORNERS}, **FETCH).status_code == 404
    assert not Sheet.objects.exists()


def test_without_scripts_it_leads_back_to_the_page(make: Make, client: Client) -> None:
    review: Review = make(pages=1)

    answer = client.post(address(review, "sheet"), {"page": 1, "corners": CORNERS})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address(review)}?page=1")
