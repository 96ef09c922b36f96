"""Types of uploads are told by their first bytes, and by nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.errors import SourceEmpty, UnsupportedMedia
from transforms.formats import SNIFF_BYTES, OutputFormat, SourceType, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + b"\0\0\0\0" + b"".join(compatible)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", SourceType.JPEG),
        (b"\xff\xd8\xff\xe1\x00\x10Exif", SourceType.JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", SourceType.PNG),
        (b"RIFF\x24\0\0\0WEBPVP8 ", SourceType.WEBP),
        (b"%PDF-1.7\n", SourceType.PDF),
        (ftyp(b"heic", b"mif1", b"heic"), SourceType.HEIF),
        (ftyp(b"heix", b"mif1"), SourceType.HEIF),
        (ftyp(b"mif1", b"mif1", b"heic"), SourceType.HEIF),
        (ftyp(b"avif", b"mif1", b"miaf"), SourceType.AVIF),
        (ftyp(b"avis", b"avif"), SourceType.AVIF),
        (ftyp(b"mif1", b"miaf", b"avif"), SourceType.AVIF),
        # What comes after the ftyp box is no brand.
        (ftyp(b"mif1", b"heic") + b"avif" * 4, SourceType.HEIF),
    ],
)
def test_accepted_types(head, kind):
    assert sniff(head) is kind


@pytest.mark.parametrize(
    "head",
    [
        b"GIF89a",
        b"II*\0",
        b"BM",
        b"PK\x03\x04",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"MZ",
        b"\0" * SNIFF_BYTES,
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"RIFF",
        b"\xff\xd8",
        b"\x89PNG",
        ftyp(b"isom", b"avif"),
        ftyp(b"qt  "),
        b"\0\0\0\x18ftyp",
    ],
)
def test_everything_else_is_refused_with_the_list(head):
    with pytest.raises(UnsupportedMedia) as caught:
        sniff(head)
    assert caught.value.detail.endswith("Accepted are: JPEG, PNG, WebP, HEIF/AVIF, PDF.")


@pytest.mark.parametrize(
    "before",
    [
        b" ",
        b"\r\n\t\n",
        b"\0" * 30,
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\n",
        b"\n" * (SNIFF_BYTES - 5),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nServer:\r\n\r\n",
        b'--boundary42\r\nContent-Disposition: form-data; name="file"; filename="a b.pdf"\r\n\r\n',
    ],
)
def test_a_pdf_may_have_blanks_and_the_headers_of_a_message_in_front(before):
    assert sniff(before + b"%PDF-1.7") is SourceType.PDF
    assert sniff((before + b"%PDF-1.7" + b"x" * 2000)[:SNIFF_BYTES]) is SourceType.PDF


@pytest.mark.parametrize(
    "before",
    [
        b"GIF89a",
        b"PK\x03\x04",
        b"MZ",
        b"<html>",
        b"\n<script>alert(1)</script>\n",
        b"Content-Type: text/html\n\n<html>",
        b"X-Note: <script>\n",
        b"a: /*\n",
        b"a: `\n",
        b"#!/bin/sh\n",
        b"%!PS-Adobe-3.0\n",
        b"<?php",
        b"junk\n",
        b"\xff",
        b"\xfe\xff",
        b"\n\xef\xbb\xbf",
    ],
)
def test_a_pdf_behind_anything_else_is_refused_with_a_reason(before):
    with pytest.raises(UnsupportedMedia) as caught:
        sniff(before + b"%PDF-1.7")
    assert "in front of its PDF" in caught.value.detail
    assert caught.value.detail.endswith("Accepted are: JPEG, PNG, WebP, HEIF/AVIF, PDF.")


def test_a_pdf_that_begins_too_late_is_none():
    with pytest.raises(UnsupportedMedia):
        sniff(b" " * (SNIFF_BYTES - 4) + b"%PDF-1.7")


def test_no_bytes_are_an_empty_file():
    with pytest.raises(SourceEmpty):
        sniff(b"")


@settings(deadline=None)
@given(st.binary(max_size=SNIFF_BYTES) | st.binary(max_size=40).map(lambda tail: b"\0\0\0\x20ftyp" + tail))
def test_any_bytes_are_a_type_or_a_refusal(head):
    try:
        kind = sniff(head)
    except (SourceEmpty, UnsupportedMedia):
        return
    assert kind in SourceType


@settings(deadline=None)
@given(st.sampled_from([ftyp(b"mif1", b"avif"), b"%PDF-1.4", b"\xff\xd8\xff"]), st.binary(max_size=200))
def test_the_first_bytes_decide_whatever_follows(head, tail):
    assert sniff((head + tail)[:SNIFF_BYTES]) is sniff(head + tail) is sniff(head)


def test_output_formats_know_their_media_types():
    assert {str(name): name.media_type for name in OutputFormat} == {
        "jpg": "image/jpeg",
        "png": "image/png",
        "webp": "image/webp",
        "avif": "image/avif",
        "pdf": "application/pdf",
    }
