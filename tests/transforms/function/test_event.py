"""What Lambda is asked and what it answers: whatever is written is read back, and nothing else is taken.

What is refused, and that nothing is stored then, is in test_handler.py.
"""

import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.rxproject.local.gateway.storage import DOCUMENT, RX, call
from transforms import redaction
from transforms.errors import SpecError, UpscaleRefused
from transforms.formats import OutputFormat, SourceType
from transforms.function.event import EventRefused, from_answer, from_event, to_answer, to_body
from transforms.geometry import Box, Size
from transforms.keys import page_identifier
from transforms.limits import LIMITS
from transforms.make import MadeVariant, VariantTask
from transforms.render import RenderJob
from transforms.request.paper import CornersRefused, Paper
from transforms.request.spec import Spec, Stored
from transforms.version import PIPELINE

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
SIDES = st.integers(1, 4_000)
QUALITIES = st.sampled_from(["default", "gray", "bitonal", "enhanced", "redacted"])


@st.composite
def boxes(draw: st.DrawFn, page: Size) -> Box:
    x, y = draw(st.integers(0, page.width - 1)), draw(st.integers(0, page.height - 1))
    return Box(x, y, draw(st.integers(1, page.width - x)), draw(st.integers(1, page.height - y)))


@st.composite
def papers(draw: st.DrawFn, page: Size) -> Paper:
    """Of any page that is large enough for one."""
    share = st.floats(0, 0.2)
    width, height = page.width, page.height
    try:
        return Paper.of(
            (
                (draw(share) * width, draw(share) * height),
                ((1 - draw(share)) * width, draw(share) * height),
                ((1 - draw(share)) * width, (1 - draw(share)) * height),
                (draw(share) * width, (1 - draw(share)) * height),
            ),
            page,
        )
    except CornersRefused:
        assume(False)
        raise


@st.composite
def tasks(draw: st.DrawFn) -> VariantTask:
    """Whatever a request for any page can lead to."""
    rx, number, page = draw(IDS), draw(st.integers(1, 999)), Size(draw(SIDES), draw(SIDES))
    quality = draw(QUALITIES)
    burnt = tuple(draw(st.lists(boxes(page), min_size=1, max_size=5))) if quality == "redacted" else ()
    paper = draw(papers(page)) if draw(st.booleans()) else None
    page_size, page = page, paper.size if paper else page
    region = draw(st.sampled_from(["full", "square"]) | boxes(page).map(str))
    size = draw(st.just("max") | st.builds("!{},{}".format, SIDES, SIDES))
    rotation, form = draw(st.sampled_from([0, 90, 180, 270])), draw(st.sampled_from(OutputFormat))
    spec = Spec.parse(f"{region}/{size}/{rotation}/{quality}.{form}")
    try:
        stored = spec.resolve(page, redaction=redaction.digest(page_identifier(rx, number), burnt) if burnt else None)
    except (SpecError, UpscaleRefused):
        assume(False)
    job = RenderJob(
        media_type=draw(st.sampled_from(SourceType)),
        page=draw(st.integers(1, LIMITS.pdf_pages)),
        stored=stored,
        page_size=page_size,
        redactions=burnt,
        paper=paper,
    )
    sha256 = draw(st.binary(min_size=32, max_size=32)).hex()
    return VariantTask(rx=rx, document=draw(IDS), sha256=sha256, number=number, pipeline=PIPELINE, job=job)


@settings(deadline=None)
@given(task=tasks(), encoded=st.booleans())
def test_what_is_asked_arrives(task: VariantTask, encoded: bool) -> None:
    body = to_body(task)
    text = base64.b64encode(body).decode() if encoded else body.decode()

    assert from_event({"body": text, "isBase64Encoded": encoded}) == task


def test_the_form_of_a_call_is_a_contract() -> None:
    """Caller and function are deployed apart: the written form is spelt out here and nowhere derived."""
    job = RenderJob(SourceType.JPEG, 1, Stored.parse("full/150,100/0/default.webp"), Size(600, 400))
    task = VariantTask(rx=RX, document=DOCUMENT, sha256="a" * 64, number=1, pipeline=PIPELINE, job=job)

    assert json.loads(to_body(task)) == call("a" * 64)
    assert list(json.loads(to_body(task))) == list(call("a" * 64))


PAPER = Paper.of([[50, 40], [560, 60.5], [550, 380], [40, 370]], Size(600, 400))


def of_sheet(**changed: Any) -> dict[str, str]:
    stored = Spec.parse("full/!150,150/0/default.webp").resolve(PAPER.size)
    job = RenderJob(SourceType.JPEG, 1, stored, Size(600, 400), paper=PAPER)
    task = VariantTask(rx=RX, document=DOCUMENT, sha256="a" * 64, number=1, pipeline=PIPELINE, job=job)
    return {"body": json.dumps({**json.loads(to_body(task)), **changed})}


def test_of_a_sheet_it_says_where_it_lies() -> None:
    asked = of_sheet()

    assert json.loads(asked["body"])["sheet"] == [
        [[50.0, 40.0], [560.0, 60.5], [550.0, 380.0], [40.0, 370.0]],
        [PAPER.size.width, PAPER.size.height],
    ]
    assert from_event(asked).target.startswith(f"{RX}/1s{PAPER.digest}/{PIPELINE}/full/")


@pytest.mark.parametrize(
    "sheet",
    [
        None,
        [],
        [PAPER.corners],
        [PAPER.corners, [0, 100]],
        [PAPER.corners, [65_535, 65_535]],
        [PAPER.corners, [True, 100]],
        [PAPER.corners[::-1], [PAPER.size.width, PAPER.size.height]],
        [PAPER.corners[:3], [PAPER.size.width, PAPER.size.height]],
        [((50, 40.1), *PAPER.corners[1:]), [PAPER.size.width, PAPER.size.height]],
        [PAPER.corners, [PAPER.size.width, PAPER.size.height + 1]],
        [[["a", 1]] * 4, [1, 1]],
    ],
)
def test_another_sheet_than_the_key_names_is_refused(sheet: Any) -> None:
    with pytest.raises(EventRefused):
        from_event(of_sheet(sheet=sheet))


def test_a_key_of_a_page_takes_no_sheet_and_one_of_a_sheet_needs_it() -> None:
    sheet = [PAPER.corners, [PAPER.size.width, PAPER.size.height]]
    with pytest.raises(EventRefused):
        from_event({"body": json.dumps({**call("a" * 64), "sheet": sheet})})
    bare = json.loads(of_sheet()["body"])
    del bare["sheet"]
    with pytest.raises(EventRefused):
        from_event({"body": json.dumps(bare)})


@given(
    made=st.builds(
        MadeVariant,
        size=st.integers(1),
        width=SIDES,
        height=SIDES,
        etag=st.text(min_size=1),
        created=st.booleans(),
    ),
    ms=st.dictionaries(st.sampled_from(["fetch", "render", "render.decode", "put", "total"]), st.floats(0, 1e6)),
)
def test_what_is_answered_arrives(made: MadeVariant, ms: dict[str, float]) -> None:
    task = from_event({"body": json.dumps(call("a" * 64))})
    answer = json.loads(json.dumps(to_answer(task, made, ms)))

    assert from_answer(answer) == (made, ms)
    assert answer["key"] == f"{RX}/1/{PIPELINE}/full/150,100/0/default.webp"


def test_names_and_numbers_of_its_own_making_stay_out() -> None:
    ms = {"total": 1.5, "Jane Doe": 1.0, "put": float("inf"), "fetch": float("nan"), "render": -1}

    assert from_answer({**MADE, "ms": ms})[1] == {"total": 1.5}


MADE = {"bytes": 7, "width": 1, "height": 1, "etag": '"e"', "created": True, "ms": {"total": 1.5}}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        *({name: value for name, value in MADE.items() if name != left_out} for left_out in MADE),
        {**MADE, "bytes": "many"},
        {**MADE, "ms": [1]},
    ],
)
def test_any_other_answer_is_none_of_ours(answer: Any) -> None:
    with pytest.raises(ValueError, match="what was made"):
        from_answer(answer)
