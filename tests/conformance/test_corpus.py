"""Collected and generated hostile files through the API, upload to picture: the expected outcome, never a 5xx.

Time and memory are bounded by the sandbox, whose own tests prove that; a file that needed more than its share shows
here as `render-timeout` or `render-memory` in place of another outcome.
"""

import csv
import io
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from PIL import Image
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.models import Document, Prescription, Variant, VariantState
from prescriptions.variants import making
from prescriptions.variants.fairness.tickets import Ticket
from tests.prescriptions.conftest import assert_problem, file
from tests.transforms import bombs
from tests.transforms.rendering import TAKEN_WITHOUT_PROFILE
from tests.transforms.sandbox.test_result_limit import NOISE
from transforms import sandbox
from transforms.limits import Limits

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"
pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]

OK, REFUSED, EITHER = "ok", "refused", "either"
# What the manifest's words mean for a service that takes JPEG, PNG, WebP, HEIF, AVIF and PDF.
OUTCOMES: Final = {
    "ok": OK,
    "clear-error": REFUSED,
    "clear-error-or-ok": EITHER,
    "clear-error-or-timeout-error": EITHER,
    "ok-or-clear-error": EITHER,
    "ok-scaled-or-clear-error": EITHER,
    "ok-first-frame-or-clear-error": EITHER,
    "ok-if-accepted": EITHER,
}
# What a file may be refused for at the door; a cause in the machine is not among them.
AT_THE_DOOR: Final = {
    "unsupported-media-type", "source-empty", "source-damaged", "source-locked", "source-too-large",
    "too-many-pixels", "too-many-pages", "render-crashed", "render-memory", "render-timeout",
}  # fmt: skip


def corpus() -> dict[str, str]:
    """File by file the expected outcome."""
    manifest = CORPUS / "MANIFEST.tsv"
    if not manifest.exists():
        return {}
    with manifest.open(newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        outcomes = {row["file"]: OUTCOMES[row["expected"]] for row in rows if row["expected"] in OUTCOMES}
        return outcomes | {TAKEN_WITHOUT_PROFILE: OK}


FILES: Final = corpus()
needs_corpus = pytest.mark.skipif(not FILES, reason="the collection of other projects' test files is not here")


class AtOnce:
    """A backend that makes the variant before it returns: nothing is left to wait for."""

    def dispatch(self, ticket: Ticket) -> None:
        making.make(ticket.variant_id, ticket.owner)


class Service:
    """The API in this process, as a client that uploads and looks."""

    def __init__(self) -> None:
        _, token = tokens.make(name="test", client="shop", scopes=["rx:read", "rx:write"])
        self.http = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"}

    def upload(self, name: str, data: bytes) -> Any:
        return self.http.post("/api/v1/prescriptions", {"files": file(name, data)}, headers=self.headers)

    def picture(self, rx: str, number: int) -> Any:
        """The last answer on the way to a page's card; more than a few are a loop."""
        response = self.http.get(f"/api/v1/prescriptions/{rx}/pages/{number}/variants/card", headers=self.headers)
        for _ in range(5):
            if response.status_code not in (303, 307):
                break
            response = self.http.get(response["Location"])
        return response


@pytest.fixture
def service(settings: Settings) -> Service:
    settings.RX_BACKEND = f"{__name__}.{AtOnce.__name__}"
    settings.RX_WAIT = 0
    return Service()


def outcome(service: Service, name: str, data: bytes) -> str:
    """OK, or the code of what it was refused for. Asserts what holds in either case."""
    answer = service.upload(name, data)
    if answer.status_code != 201:
        code = assert_problem(answer, answer.status_code)["type"].partition("#")[2]
        assert (answer.status_code // 100, code in AT_THE_DOOR) == (4, True), (answer.status_code, code)
        # nothing of a refused file is kept
        assert Document.objects.count() == Prescription.objects.count() == 0
        return str(code)
    body = answer.json()
    failed = {code for page in body["pages"] if (code := _look(service, body["id"], page))}
    Prescription.objects.all().delete()
    return " ".join(sorted(failed)) or OK


def _look(service: Service, rx: str, page: dict[str, Any]) -> str:
    """The code of what a page could not be shown for; empty for a picture of the right size."""
    response = service.picture(rx, page["number"])
    if response.status_code != 200:
        body = assert_problem(response, response.status_code)
        # "Not yet" is a heavy page that will be tried again before its failure is final.
        assert response.status_code == 422 or body["type"].endswith("#not-ready"), body
        return str(body["type"].partition("#")[2])
    assert response["Content-Type"] == "image/webp"
    content = b"".join(response.streaming_content)
    assert not any(secret in content for secret in (b"<script", b"EXIF", b"XMP ", b"ICCP", b"PK\x05\x06", b"%PDF"))
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert max(image.size) == min(400, max(page["width"], page["height"]))
    return ""


@needs_corpus
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_collected_file_has_the_expected_outcome(service: Service, name: str) -> None:
    found = outcome(service, Path(name).name, (CORPUS / name).read_bytes())

    expected = FILES[name]
    if expected == OK:
        assert found == OK
    elif expected == REFUSED:
        assert found != OK


# Of the bombs that the sandbox is tested with, one for each kind of answer.
BOMBS: Final = {
    "the most pixels there may be": OK,
    "scripts, programs and files": OK,
    "30,000 x 1": "too-many-pixels",
    "100,000 pages": "too-many-pages",
    "zTXt of a GiB": "source-damaged",
    "content of a GiB": "render-memory",
}


@pytest.mark.parametrize(("name", "answer"), BOMBS.items(), ids=BOMBS)
def test_a_bomb_through_the_door_is_no_error_of_ours_and_hurts_nobody(service: Service, name: str, answer: str) -> None:
    # given processes that render
    sandbox.default().warm()
    zygote = sandbox.default().processes()[0][0]
    make = bombs.SURVIVED.get(name) or bombs.REFUSED[name][0]

    assert outcome(service, name, make()) == answer

    # then the next file is rendered all the same, by the same parent
    assert outcome(service, "next.jpg", file().read()) == OK
    assert sandbox.default().processes()[0][0] == zygote


def test_a_result_too_large_to_store_is_refused_once_and_for_good(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given renderers with a lower limit, and a page of noise
    box = sandbox.Sandbox(limits=Limits(variant_bytes=16_384))
    monkeypatch.setattr(sandbox, "default", lambda: box)
    data = io.BytesIO()
    NOISE.save(data, "PNG")
    try:
        uploaded = service.upload("noise.png", data.getvalue())
        assert uploaded.status_code == 201, uploaded.content
        rx = uploaded.json()["id"]

        # when its card is asked for twice
        answers = [service.picture(rx, 1) for _ in range(2)]
    finally:
        box.close()

    # then both times the answer says what to do, and it was tried once
    for answer in answers:
        assert assert_problem(answer, 422)["type"].endswith("#result-too-large")
    variant = Variant.objects.get(page__prescription_id=rx)
    assert (variant.state, variant.attempts) == (VariantState.FAILED, 1)
