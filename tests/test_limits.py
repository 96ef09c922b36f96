"""Numbers that must stand in a second file, because it cannot read the first, are the same in both."""

import re

import pytest
from django.db import models

from prescriptions.models import ClarificationMessage, Review
from prescriptions.variants import delivery
from rxproject import settings
from rxproject.settings import VARIABLES
from tests.conftest import PROJECT
from transforms.limits import LIMITS, MIB

NGINX = PROJECT / "deploy" / "nginx"
TEMPLATE = (NGINX / "nginx.conf.template").read_text()
PAGES = PROJECT / "prescriptions" / "templates" / "prescriptions"


def test_the_edge_takes_as_much_as_one_upload_may_have_and_no_more() -> None:
    forms, uploads, again = re.findall(r"client_max_body_size ([1-9]\d*)[km];", TEMPLATE)

    assert 2 * LIMITS.files == settings.DATA_UPLOAD_MAX_NUMBER_FILES  # too many small ones are told so in our words
    assert int(uploads) * MIB == int(again) * MIB == LIMITS.files * LIMITS.pdf_bytes + 2 * MIB
    assert int(forms) * 1024 >= settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def test_the_edge_waits_longer_than_a_request_may() -> None:
    waits = [
        int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s;\s+proxy_pass \S+://rx_generate", TEMPLATE)
    ]

    assert len(waits) == 2
    with pytest.raises(SystemExit):
        VARIABLES["RX_WAIT"].read({"RX_WAIT": str(min(waits) - 4)})


def test_the_edge_and_django_let_browsers_keep_an_image_as_long() -> None:
    (longest,) = re.findall(r"^const LONGEST = (\d+);", (NGINX / "rx.js").read_text(), re.MULTILINE)

    assert int(longest) == delivery.MAX_AGE


FIELDS: dict[str, models.Field] = {
    **{name: Review._meta.get_field(name) for name in ("prescriber", "registration_number", "override_reason")},
    **{name: Review._meta.get_field(name) for name in ("customer_text", "internal_note")},
    "note": Review._meta.get_field("internal_note"),
    "question": ClarificationMessage._meta.get_field("text"),
    "answer": ClarificationMessage._meta.get_field("text"),
}


def test_a_form_takes_as_many_letters_as_its_column() -> None:
    tags = [tag for page in PAGES.rglob("*.html") for tag in re.findall(r"<(?:input|textarea)[^>]*>", page.read_text())]
    bounded = {
        name[1]: int(most[1])
        for tag in tags
        if (most := re.search(r'maxlength="(\d+)"', tag)) and (name := re.search(r' name="(\w+)"', tag))
    }

    assert bounded.pop("code") == 80  # typed off a paper for the file: compared, kept nowhere
    assert bounded == {name: field.max_length for name, field in FIELDS.items()}


def test_the_docs_name_the_limits_of_an_upload() -> None:
    how_to = (PROJECT / "docs" / "how-to" / "upload-form.md").read_text()
    problems = (PROJECT / "docs" / "reference" / "problems.md").read_text()
    image, pdf = LIMITS.image_bytes // MIB, LIMITS.pdf_bytes // MIB

    assert f"| {image} MB, 64 megapixels |" in how_to
    assert f"| PDF | {pdf} MB, not locked" in how_to
    assert (
        f"| {LIMITS.order_files} files, {LIMITS.pdf_pages} pages; without scripts {LIMITS.files} files at a time |"
        in how_to
    )
    assert f"{image} MiB an image, {pdf} MiB a PDF, {LIMITS.files} files at a time" in problems
    assert f"more than {LIMITS.variant_bytes // MIB} MiB" in problems
