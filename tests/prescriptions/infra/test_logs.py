"""Logs of the running stack: JSON lines with request ids, and nothing about a patient, ever."""

import json
import logging
from pathlib import Path

import httpx
import pytest
from django.test import Client

from prescriptions.infra import logs
from tests.conftest import Site
from tests.prescriptions.conftest import picture
from tests.waiting import until

CANARY = "ZZCANARYZZ"


def every_log(site: Site) -> dict[str, str]:
    """All that any server of the stack has written, the edge's error log included."""
    files = [path for path in Path(site.stack.state.root).rglob("*.log") if path.is_file()]
    assert {"web.log", "generate.log", "worker.log", "access.log"} <= {path.name for path in files}
    return {path.name: path.read_text(errors="replace") for path in files}


def test_no_log_of_the_stack_holds_a_name_a_reference_or_a_secret(site: Site) -> None:
    # given an upload whose file and patient have names, refused and accepted, by API and by form
    names = {"order_ref": f"ORDER-{CANARY}", "patient_ref": CANARY}
    body = site.prescription((f"{CANARY}.jpg", picture()), **names)
    assert site.upload((f"{CANARY}.txt", CANARY.encode()), **names).status_code == 415
    assert site.upload((f"{CANARY}.jpg", picture()[:-99]), **names).status_code == 422
    assert site.upload((f"{CANARY}.jpg", picture()), order_ref="../" + CANARY).status_code == 400
    minted = site.http.post("/api/v1/order-links", json={"order_ref": f"ORDER-{CANARY}"}, headers=site.bearer).json()
    with httpx.Client(base_url=site.stack.base_url, follow_redirects=True) as browser:
        assert browser.get(minted["url"]).status_code == 200
        assert browser.post(minted["upload_url"], files={"files": (CANARY, b"x")}).status_code == 403

    # when everything about it is looked at, rightly and wrongly
    page = body["pages"][0]
    assert site.follow(page["variants"]["thumb"])[-1].status_code == 200
    token = page["info"].split("/")[5]
    for url in (page["info"], body["manifest"], f"{page['info']}?name={CANARY}", page["variants"]["card"] + "/x"):
        site.http.get(url)
    for path in (f"//iiif/3/{token}/x", f"/x/..//iiif/3/{token}/x", f"/generate//iiif/3/{token}/x", f"/api/v1/{token}"):
        site.http.get(path)
    detail = f"/api/v1/prescriptions/{body['id']}"
    site.http.get(f"{detail}/original?name={CANARY}", headers={**site.bearer, "Referer": f"http://x/{CANARY}"})
    site.http.get(f"{detail}/pages/1/variants/card", headers={**site.bearer, "Prefer": "respond-async"})

    # then no server wrote any of that down
    link = minted["url"].split("link=")[1]
    secret = site.token.split("_", 2)[2]
    for name, text in every_log(site).items():
        assert CANARY not in text, name
        assert token not in text, name
        assert token.rsplit(".", 1)[1] not in text, name
        assert secret not in text, name
        assert link not in text, name
        assert "rx_order=" not in text, name


@pytest.mark.parametrize("name", ["web", "generate", "worker"])
def test_django_writes_json_lines_with_a_role(name: str, site: Site) -> None:
    site.follow(site.prescription(("a.jpg", picture()))["pages"][0]["variants"]["thumb"])

    lines = until(lambda: site.log(name))

    for line in lines:
        assert {"time", "level", "role", "logger", "message"} <= set(line)
        assert line["role"] == name
    if name != "worker":
        assert all(line["request_id"] for line in lines if line["message"] == "request")


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("rx.test", logging.INFO, "file.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    line = logs.JsonLines().format(record('a\nb\r\x00\u2028"', rx="1", odd=object(), text="\ud800"))

    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert json.loads(line)["rx"] == "1"


def test_whoever_writes_at_length_is_cut_short() -> None:
    line = json.loads(logs.JsonLines().format(record("m" * 9_000, path="p" * 9_000, rx="1" * 500)))

    assert (len(line["message"]), len(line["path"]), len(line["rx"])) == (501, 501, 500)


@pytest.mark.django_db
def test_a_made_up_host_is_refused_and_named_in_a_short_line(http: Client) -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logs.JsonLines().format(record))

    kept = Kept()
    logging.getLogger("django.security.DisallowedHost").addHandler(kept)
    try:
        answer = http.get("/accounts/login/", headers={"Host": "x" * 8_000})
    finally:
        logging.getLogger("django.security.DisallowedHost").removeHandler(kept)

    assert answer.status_code == 400
    assert len(lines) == 1
    assert 0 < len(lines[0]) < 1_000


def test_an_exception_is_its_kind_and_frames_without_its_words() -> None:
    made = record("unhandled")
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)

    line = logs.JsonLines().format(made)

    assert CANARY not in line
    assert json.loads(line)["exception"] == "ValueError"
    assert json.loads(line)["frames"][0].startswith("test_logs.py:")


@pytest.mark.parametrize(("given", "kept"), [("a-B_9", "a-B_9"), ("a b", ""), ("x" * 65, ""), ("a\n", ""), ("", "")])
def test_a_request_id_is_sane_or_none(given: str, kept: str) -> None:
    logs.set_request_id(given)

    assert logs.request_id() == kept
    assert ("request_id" in json.loads(logs.JsonLines().format(record("m")))) is bool(kept)
    logs.set_request_id("")
