"""The table of failures: codes, statuses, and the trip across a process boundary."""

import pickle

import pytest

from transforms import errors
from transforms.errors import ALL, RenderCrashed, TransformError, UnsupportedMedia, from_code

TABLE = {
    "bad-spec": (400, True),
    "upscaling-not-supported": (501, True),
    "redaction-missing": (404, False),
    "sheet-missing": (404, False),
    "unsupported-media-type": (415, True),
    "source-empty": (422, True),
    "source-damaged": (422, True),
    "source-locked": (422, True),
    "source-too-large": (413, True),
    "too-many-pixels": (422, True),
    "too-many-pages": (422, True),
    "page-missing": (404, True),
    "result-too-large": (422, True),
    "render-crashed": (422, False),
    "render-memory": (422, False),
    "render-timeout": (422, False),
    "renderer-busy": (503, False),
    "renderer-unavailable": (503, False),
    "engine-missing": (501, False),
}


def test_every_error_has_its_public_code_status_and_permanence():
    assert {kind.code: (kind.status, kind.permanent) for kind in ALL} == TABLE


def test_every_error_class_is_in_the_table_so_that_it_survives_a_process_boundary():
    defined = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, TransformError) and kind is not TransformError
    }
    assert set(ALL) == defined


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.code)
def test_code_and_detail_rebuild_the_error(kind):
    rebuilt = from_code(kind.code, "page 3 of 2")

    assert type(rebuilt) is kind
    assert rebuilt.detail == str(rebuilt) == "page 3 of 2"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.code)
def test_without_a_detail_the_title_says_what_happened(kind):
    assert kind().detail == kind.title
    assert kind.title.endswith(".")


def test_an_unknown_code_is_a_crash_that_may_be_tried_again():
    error = from_code("from-a-newer-version", "something new")

    assert type(error) is RenderCrashed
    assert (error.detail, error.permanent) == ("something new", False)


def test_errors_can_be_pickled_with_their_detail():
    error = pickle.loads(pickle.dumps(UnsupportedMedia("a ZIP file")))  # noqa: S301 - our own bytes

    assert (type(error), error.detail) == (UnsupportedMedia, "a ZIP file")


def test_a_refused_file_is_answered_with_the_list_of_accepted_ones():
    assert "JPEG, PNG, WebP, HEIF/AVIF, PDF" in UnsupportedMedia().detail
