"""`Link: rel="canonical"` of every form through the edge (Image API 3.0 §4.8), which the validators do not look at."""

import re

import httpx
import pypdfium2
import pytest

from tests.conftest import Site
from tests.prescriptions.conftest import picture

# On a page of 300 x 400 pixels: what is asked for, and the tail of its canonical address, worked out by hand.
FORMS = {
    "full/max/0/default.jpg": "full/max/0/default.jpg",
    "full/300,400/0/default.jpg": "full/max/0/default.jpg",
    "full/max/0/color.jpg": "full/max/0/default.jpg",
    "full/300,/360/default.png": "full/max/0/default.png",
    "full/pct:100/0/default.webp": "full/max/0/default.webp",
    "full/!1000,1000/0/default.webp": "full/max/0/default.webp",
    "0,0,300,400/max/0/default.webp": "full/max/0/default.webp",
    "0,0,999,999/max/0/default.webp": "full/max/0/default.webp",
    "pct:0,0,100,100/max/0/default.webp": "full/max/0/default.webp",
    "full/150,/0/default.jpg": "full/150,200/0/default.jpg",
    "full/,200/0/default.jpg": "full/150,200/0/default.jpg",
    "full/!200,200/0/default.jpg": "full/150,200/0/default.jpg",
    "full/pct:50/0/default.jpg": "full/150,200/0/default.jpg",
    "full/^150,200/0/default.jpg": "full/150,200/0/default.jpg",
    "full/100,50/90/gray.png": "full/100,50/90/gray.png",
    "square/max/0/default.jpg": "0,50,300,300/max/0/default.jpg",
    "square/90,/0/default.jpg": "0,50,300,300/90,90/0/default.jpg",
    "pct:50,50,25,25/max/180/bitonal.png": "150,200,75,100/max/180/bitonal.png",
    "290,390,100,100/max/270/default.jpg": "290,390,10,10/max/270/default.jpg",
    "full/200,/0/enhanced.avif": "full/200,267/0/enhanced.avif",
    "full/max/90/default.pdf": "full/max/90/default.pdf",
}
PROFILE = '<http://iiif.io/api/image/3/level2.json>;rel="profile"'


@pytest.fixture(scope="module")
def service(site: Site) -> str:
    """The address of a page's image service."""
    address: str = site.prescription(("page.jpg", picture(300, 400)))["pages"][0]["info"]
    return address.removesuffix("/info.json")


def canonical(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    match = re.fullmatch(rf'<([^>]+)>;rel="canonical", {re.escape(PROFILE)}', answer.headers["link"])
    assert match is not None, answer.headers["link"]
    return match[1]


@pytest.mark.parametrize(("asked", "tail"), FORMS.items(), ids=FORMS)
def test_every_form_names_its_canonical_address(site: Site, service: str, asked: str, tail: str) -> None:
    answer = site.follow(f"{service}/{asked}")[-1]

    assert canonical(answer) == f"{service}/{tail}"
    # and that address is the same picture, which names itself
    there = site.follow(canonical(answer))[-1]
    assert there.content == answer.content
    assert canonical(there) == canonical(answer)


def test_the_whole_document_comes_through_the_edge(site: Site, photo: bytes, pdf: bytes) -> None:
    # given a photo and three pages, none of which was made
    body = site.prescription(("photo.jpg", photo), ("three.pdf", pdf))

    # when the API and the manifest's own link are asked for all of them
    [from_api] = site.follow(f"/api/v1/prescriptions/{body['id']}/document.pdf?fit=a4", headers=site.bearer)
    [from_link] = site.follow(site.http.get(body["manifest"]).json()["rendering"][0]["id"])

    # then both have four pages, and only the first is a picture
    for answer in (from_api, from_link):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
        assert answer.headers["content-disposition"].startswith("attachment;")
        texts = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(answer.content)]
        assert ["SPECIMEN" in text for text in texts] == [False, True, True, True]
    # by the gunicorn whose threads may wait
    asked = [line.get("path", "") for line in site.log("generate")]
    assert len([path for path in asked if "document.pdf" in path and body["id"] in path]) >= 2
