"""A file that kills its renderer each time: three attempts, then the same answer for ever; nobody else notices."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Site
from tests.waiting import until

_DEPTH, _FAN = 6, 40
PASSWORD = "three-attempts"
DEAD = "/admin/prescriptions/variant/?state__exact=dead"


def poison() -> bytes:
    """Two pages. The second shows a rectangle through a mask of 40**6 nested forms, which no memory holds.

    Masks are unfolded when they are drawn, so the file can be opened, and its first page is harmless.
    """
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 5 0 R/Resources 6 0 R>>",
        _stream(b"", b"/G gs 0 0 200 200 re f"),
        b"<</ExtGState<</G<</SMask<</S/Luminosity/G 7 0 R>>>>>>>>",
    ]
    for level in range(_DEPTH):
        form = b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Group<</S/Transparency/CS/DeviceGray>>"
        if level < _DEPTH - 1:
            form += b"/Resources<</XObject<</F %d 0 R>>>>" % (len(objects) + 2)
        objects.append(_stream(form, b"/F Do " * _FAN if level < _DEPTH - 1 else b"0 0 9 9 re f"))
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(content), content)


def states(site: Site, rx: str) -> dict[int, tuple[Any, ...]]:
    """Of each page: state, attempts, error, id."""
    found = site.rows(
        "SELECT p.number, v.state, v.attempts, v.error_code, v.id FROM prescriptions_variant v "
        "JOIN prescriptions_page p ON p.id = v.page_id WHERE p.prescription_id = ?",
        rx,
    )
    return {number: tuple(rest) for number, *rest in found}


@pytest.fixture
def operator(site: Site) -> Iterator[httpx.Client]:
    """Somebody with the rights to try again, at the admin's pages."""
    make = "from django.contrib.auth.models import User; User.objects.create_superuser('operator', password='%s')"
    site.manage("shell", "-c", make % PASSWORD)
    with httpx.Client(base_url=site.stack.base_url, timeout=30, follow_redirects=True) as client:
        client.get("/accounts/login/")
        form = {"login": "operator", "password": PASSWORD, "next": "/admin/"}
        assert "logout" in client.post("/accounts/login/", data={**form, **csrf(client)}).text
        yield client


def csrf(client: httpx.Client) -> dict[str, str]:
    return {"csrfmiddlewaretoken": client.cookies["csrftoken"]}


@pytest.mark.slow
def test_a_file_that_kills_each_renderer_is_given_up_after_three_attempts(
    site: Site, photo: bytes, operator: httpx.Client
) -> None:
    # given a document whose second page kills its renderer, asked for and not waited for
    body = site.prescription(("poison.pdf", poison()))
    rx, harmless, deadly = body["id"], *body["pages"]
    api = f"/api/v1/prescriptions/{rx}/pages/2/variants/thumb"
    asked = site.http.get(api, headers={**site.bearer, "Prefer": "respond-async"})
    assert asked.status_code == 202

    # when it is tried again and again, then other work is unaffected: of the same document, and of others
    assert site.follow(harmless["variants"]["thumb"])[-1].status_code == 200
    other = site.prescription(("photo.jpg", photo))
    assert site.follow(other["pages"][0]["variants"]["card"])[-1].status_code == 200
    until(lambda: states(site, rx)[2][0] == "dead")

    # then there were three attempts, and every door gives the same answer without a fourth
    state = states(site, rx)
    assert state[1][:2] == ("ready", 1)
    assert state[2][:3] == ("dead", 3, "render-memory")
    for door in (deadly["variants"]["thumb"], api, asked.headers["location"]) * 2:
        last = site.follow(door, headers=site.bearer)[-1]
        assert (last.status_code, last.json()["type"]) == (422, "/docs/problems#render-memory")
    assert states(site, rx) == state
    assert site.objects(f"{rx}/2/") == []
    tries = [line for line in site.log("worker") if line.get("variant") == state[2][3]]
    assert [(line["outcome"], line["attempt"]) for line in tries] == [("render-memory", n) for n in (1, 2, 3)]

    # and an operator sees one dead letter and may have it tried again
    page = operator.get(DEAD).text
    assert re.findall(r'name="_selected_action" value="([0-9a-f]{32})"', page) == [state[2][3]]
    form = {"action": "try_again", "_selected_action": state[2][3], **csrf(operator)}
    assert "1 variant will be tried again" in operator.post(DEAD, data=form).text
    until(lambda: states(site, rx)[2][:2] in [("retry", 1), ("rendering", 1), ("rendering", 2)])
