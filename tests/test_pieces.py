"""Files in pieces (tus 1.0) through the edge, as clients that others wrote send them."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest

from prescriptions.intake import order_links
from tests.conftest import CLIENT, Site
from tests.prescriptions.conftest import picture

ROOT = Path(__file__).resolve().parents[1]
PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}


def documents(site: Site, location: str) -> list[tuple[Any, ...]]:
    rx = location.rpartition("/")[2]
    return site.rows("SELECT name, sha256 FROM prescriptions_document WHERE prescription_id = ?", rx)


@pytest.mark.skipif(not which("node"), reason="tus-js-client needs node")
def test_tus_js_client_is_cut_off_and_goes_on(site: Site, tmp_path: Path) -> None:
    # given a file of which a few pieces are larger than what the edge keeps in memory
    data = picture(900, 900, "PNG", compress_level=0)
    (tmp_path / "scan").write_bytes(data)
    asked = {
        "endpoint": f"{site.stack.base_url}/api/v1/uploads",
        "headers": site.bearer,
        "metadata": {"filename": "scan.png", "filetype": "text/html", "prescription": "", "order_ref": "T-1"},
        "file": str(tmp_path / "scan"),
        "chunk": 400_000,
        "cut": 800_000,
    }

    # when the line breaks after two of them, and it goes on later
    command = ["node", str(ROOT / "tests" / "tus_client.js"), str(ROOT / "node_modules")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=False)

    # then it sends only what was missing, and is told what became of it
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    statuses = [(method, status) for method, status, _offset in told["seen"]]
    assert statuses[:3] == [("POST", 201), ("PATCH", 204), ("PATCH", 204)]
    assert ["HEAD", 200, "800000"] in told["seen"]
    assert documents(site, told["location"]) == [("scan.png", hashlib.sha256(data).hexdigest())]


def test_the_trace_of_a_mobile_client(site: Site) -> None:
    """tus-java-client 0.5 on Android and on a JRE without PATCH: chunked bodies, `Expect`, an overridden method."""
    data = picture(500, 700, "PNG", compress_level=0)
    name = base64.b64encode(b"rezept.png").decode()
    headers = {**site.bearer, "Tus-Resumable": "1.0.0"}
    begun = site.http.post(
        "/api/v1/uploads",
        headers={**headers, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name},prescription"},
    )
    assert begun.status_code == 201, begun.text
    path = begun.headers["location"]

    def patch(method: str, offset: int, piece: bytes, **more: str) -> httpx.Response:
        chunks = iter([piece[:1000], piece[1000:]])  # of unknown length, so chunked
        given = {**headers, **PIECE, "Upload-Offset": str(offset), "Expect": "100-continue", **more}
        return site.http.request(method, path, content=chunks, headers=given)

    assert patch("PATCH", 0, data[:300_000]).headers["upload-offset"] == "300000"
    # the answer was lost, and it begins where it was
    again = patch("PATCH", 0, data[:300_000])
    assert (again.status_code, again.headers["upload-offset"]) == (409, "300000")
    head = site.http.head(path, headers=headers)
    assert (head.status_code, head.headers["upload-offset"], head.headers["upload-length"]) == (
        200,
        "300000",
        str(len(data)),
    )
    last = patch("POST", 300_000, data[300_000:], **{"X-HTTP-Method-Override": "PATCH"})
    assert last.status_code == 204, last.text
    assert documents(site, last.headers["location"]) == [("rezept.png", hashlib.sha256(data).hexdigest())]


def test_a_large_piece_by_link_passes_the_edge_and_one_without_is_not_read(site: Site) -> None:
    url = site.http.post("/api/v1/order-links", json={"order_ref": "T-2"}, headers=site.bearer).json()["url"]
    link = order_links.OrderLink("T-2", CLIENT, 0, url.partition("link=")[2])
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {link.signed}"}
    data = picture(300, 400, "PNG", compress_level=0)
    begun = site.http.post("/upload/uploads", headers={**headers, "Upload-Length": str(len(data))})
    assert begun.status_code == 201, begun.text
    path, piece = begun.headers["location"], {**PIECE, "Upload-Offset": "0"}

    stranger = site.http.patch(path, content=data, headers={**piece, "Authorization": "Bearer no"})
    answer = site.http.patch(path, content=data, headers={**piece, **headers})

    assert (stranger.status_code, stranger.headers["content-type"]) == (404, "application/problem+json")
    assert answer.status_code == 204, answer.text
    assert "/upload/files/" in answer.headers["location"]
