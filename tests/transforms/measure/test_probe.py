"""Intake: what an upload is, its upright sizes, and that nothing damaged, locked or monstrous gets in."""

import contextlib
import csv
import io

import pikepdf
import pytest
from PIL import Image

from bench import papers
from tests.transforms import fixtures
from tests.transforms.rendering import CORPUS, TAKEN_WITHOUT_PROFILE, opened, shows
from tests.transforms.unembedded import by_glyphs, document
from transforms.errors import (
    SourceDamaged,
    SourceEmpty,
    SourceLocked,
    SourceTooLarge,
    TooManyPages,
    TooManyPixels,
    TransformError,
    UnsupportedMedia,
)
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.measure.notices import Notice
from transforms.measure.probe import Probe, probe
from transforms.pdf import poppler
from transforms.render import RenderJob, render
from transforms.request.spec import Spec

UPRIGHT, TURNED = fixtures.PAGE, Size(fixtures.PAGE.height, fixtures.PAGE.width)
needs_poppler = pytest.mark.skipif(not poppler.available(), reason="pdftoppm is not installed")
# Pillow's remarks on odd metadata would be errors here; the library mutes them for itself.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (fixtures.jpeg, SourceType.JPEG),
        (fixtures.png, SourceType.PNG),
        (fixtures.webp, SourceType.WEBP),
        (fixtures.avif, SourceType.AVIF),
        (fixtures.heic, SourceType.HEIF),
        (fixtures.interlaced, SourceType.PNG),
        (fixtures.gray16, SourceType.PNG),
        (fixtures.cmyk, SourceType.JPEG),
    ],
)
def test_every_accepted_image_format_is_told_with_its_size(make, kind):
    assert probe(make()) == Probe(kind, (UPRIGHT,))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_sizes_are_upright(orientation, form):
    assert probe(fixtures.oriented(orientation, form)).pages == (UPRIGHT,)


def test_an_absurd_orientation_counts_as_upright():
    exif = Image.Exif()
    exif[0x0112] = 9
    assert probe(fixtures.jpeg(exif=exif)).pages == (UPRIGHT,)


def test_pdf_pages_are_their_crop_box_at_300_dpi():
    assert probe(fixtures.vector_pdf(3)) == Probe(SourceType.PDF, (Size(400, 267),) * 3)
    assert probe(fixtures.edited(fixtures.vector_pdf(), CropBox=[0, 0, 48, 32])).pages == (Size(200, 133),)
    assert probe(fixtures.edited(fixtures.vector_pdf(), CropBox=[0, 0, 9000, 32])).pages == (Size(400, 133),)


@pytest.mark.parametrize(("rotate", "size"), [(0, (400, 267)), (90, (267, 400)), (180, (400, 267)), (270, (267, 400))])
def test_pdf_pages_are_upright(rotate, size):
    assert probe(fixtures.edited(fixtures.vector_pdf(), Rotate=rotate)).pages == (Size(*size),)


def test_a_large_pdf_page_is_lowered_to_the_pixel_limit_and_keeps_its_shape():
    (poster,) = probe(fixtures.edited(fixtures.vector_pdf(), MediaBox=[0, 0, 2400, 1200])).pages
    assert poster.area <= LIMITS.pdf_pixels < (poster.width + 2) * (poster.height + 1)
    assert poster.width == 2 * poster.height
    (strip,) = probe(fixtures.edited(fixtures.vector_pdf(), MediaBox=[0, 0, 14400, 1])).pages
    assert strip == Size(LIMITS.source_side, 1)


def test_an_owner_password_does_not_lock():
    assert probe(fixtures.locked_pdf()).pages == (Size(400, 267),)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", SourceEmpty),
        (b"\xff\xd8\xff", SourceDamaged),
        (b"GIF89a" + b"\0" * 100, UnsupportedMedia),
        (b"%PDF-", SourceDamaged),
        (b"<p>\n" + fixtures.vector_pdf(), UnsupportedMedia),
        (fixtures.locked_pdf(user="secret"), SourceLocked),
        (fixtures.vector_pdf(LIMITS.pdf_pages + 1), TooManyPages),
        (fixtures.header_only_png(LIMITS.source_side + 1, 1), TooManyPixels),
        (fixtures.header_only_png(8062, 8063), TooManyPixels),
        (fixtures.header_only_png(60_000, 60_000), TooManyPixels),
        (fixtures.header_only_jpeg(16_000, 16_000), TooManyPixels),
        (fixtures.png() + b"\0" * LIMITS.image_bytes, SourceTooLarge),
        (fixtures.vector_pdf() + b"\0" * LIMITS.pdf_bytes, SourceTooLarge),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_refusals(data, error):
    with pytest.raises(error) as caught:
        probe(data)
    assert type(caught.value) is error
    assert "BytesIO" not in caught.value.detail


@pytest.mark.parametrize("make", [fixtures.jpeg, fixtures.png, fixtures.webp, fixtures.avif, fixtures.heic])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_image_is_refused_at_intake(make, kept):
    data = make(fixtures.page(4))
    with pytest.raises(SourceDamaged):
        probe(data[: int(len(data) * kept)])


def test_a_truncated_progressive_jpeg_is_refused_although_its_first_scans_are_whole():
    data = fixtures.jpeg(fixtures.page(4), progressive=True)
    with pytest.raises(SourceDamaged):
        probe(data[: int(len(data) * 0.8)])


def test_a_png_with_a_wrong_checksum_is_refused():
    data = bytearray(fixtures.png())
    at = data.find(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + length] ^= 1
    with pytest.raises(SourceDamaged):
        probe(bytes(data))


def test_a_pdf_without_pages_is_damaged():
    empty = fixtures.edited(fixtures.vector_pdf()).replace(b"/Count 1", b"/Count 0")
    with pytest.raises(SourceDamaged):
        probe(empty[: len(empty) // 3])


@pytest.mark.parametrize("before", [b"\n\n", b"\0" * 900, b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n"])
def test_a_pdf_behind_blanks_or_headers_has_its_pages(before):
    assert probe(before + fixtures.vector_pdf(2)) == Probe(SourceType.PDF, (Size(400, 267),) * 2)


@needs_poppler
def test_what_the_first_engine_refuses_goes_to_the_second():
    with pytest.raises(SourceDamaged):
        probe(fixtures.cut_pdf(), engines=("pdfium",))

    assert probe(fixtures.cut_pdf()) == Probe(SourceType.PDF, (Size(400, 267),) * 3)
    # with the same limits
    with pytest.raises(TooManyPages):
        probe(fixtures.vector_pdf(LIMITS.pdf_pages + 1)[:-60])


def cut_off(mode, kept):
    """The beginning of twelve pages. The first page and the index come first, as on web sites."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(fixtures.vector_pdf(12))) as document:
        document.save(out, linearize=True, object_stream_mode=pikepdf.ObjectStreamMode[mode])
    return out.getvalue()[: int(len(out.getvalue()) * kept)]


@needs_poppler
@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        *(("disable", kept) for kept in (0.2, 0.4, 0.6, 0.8)),
        *(("generate", kept) for kept in (0.2, 0.4, 0.6, 0.8, 0.9)),
    ],
)
def test_no_engine_makes_up_pages_for_those_that_were_cut_off(mode, kept):
    with pytest.raises(SourceDamaged):
        probe(cut_off(mode, kept))


@needs_poppler
@pytest.mark.parametrize(
    ("mode", "kept"), [("disable", 0.9), ("disable", 0.99), ("generate", 0.95), ("generate", 0.99)]
)
def test_where_only_what_nobody_draws_is_cut_off_every_page_is_whole(mode, kept):
    data = cut_off(mode, kept)

    found = probe(data)

    assert len(found.pages) == 12
    for number, size in enumerate(found.pages, 1):
        stored = Spec.parse("full/100,/0/default.png").resolve(size)
        rendered = render(data, RenderJob(found.media_type, number, stored, size))
        assert shows(opened(rendered), fixtures.CORNERS, tolerance=60)


@needs_poppler
@pytest.mark.parametrize("rotate", [0, 90])
def test_both_engines_measure_alike(rotate):
    data = fixtures.edited(fixtures.vector_pdf(2), Rotate=rotate, CropBox=[0, 0, 48, 64])

    assert probe(data, engines=("poppler",)) == probe(data, engines=("pdfium",))


@pytest.mark.parametrize(
    ("data", "notices"),
    [
        (fixtures.vector_pdf(), ()),
        (fixtures.form_pdf(), ()),
        (fixtures.edited(fixtures.vector_pdf(), CropBox=[200, 200, 300, 300]), (Notice.CROP_BOX,)),
        (fixtures.edited(fixtures.vector_pdf(), CropBox=[-50, -50, 300, 300]), ()),
        (fixtures.xfa_pdf(told=True), (Notice.XFA,)),
        (fixtures.xfa_pdf(told=False), (Notice.XFA,)),
        (fixtures.xfa_pdf(told=False, fields=True), ()),
    ],
)
@pytest.mark.filterwarnings("ignore:.*XFA")
def test_what_people_should_know_of_a_page(data, notices):
    assert probe(data).notices == (notices,)


def test_pages_with_text_that_is_not_drawn_are_noticed():
    letters, hindi = by_glyphs("ArialMT", "Abc"), by_glyphs("ArialMT", "नमस्ते")

    found = probe(joined(document(*letters), document(*hindi)))

    assert found.notices == ((), (Notice.MISSING_GLYPHS,))
    assert probe(fixtures.jpeg()).notices == ((),)


def joined(*documents):
    out = io.BytesIO()
    with pikepdf.new() as whole, contextlib.ExitStack() as opened_ones:
        for data in documents:
            whole.pages.extend(opened_ones.enter_context(pikepdf.open(io.BytesIO(data))).pages)
        whole.save(out)
    return out.getvalue()


def test_a_portfolio_is_told_from_a_document_with_attachments():
    assert probe(fixtures.carrier_pdf(portfolio=True)).notices == ((Notice.PORTFOLIO,),) * 2
    assert probe(fixtures.carrier_pdf(portfolio=False)).notices == ((), ())


def test_only_the_page_itself_has_a_crop_box_beside_it():
    data = fixtures.edited(fixtures.vector_pdf(3), CropBox=[200, 200, 300, 300])
    assert probe(data) == Probe(SourceType.PDF, (Size(400, 267),) * 3, ((Notice.CROP_BOX,), (), ()))


def test_opening_files_never_loads_pillows_other_plugins():
    for make in (fixtures.jpeg, fixtures.webp, fixtures.avif, fixtures.heic, fixtures.png):
        probe(make())
    with pytest.raises(SourceDamaged):
        probe(b"RIFF\x04\0\0\0WEBP")
    assert "EPS" not in Image.OPEN


def _corpus():
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open() as rows:
        return [
            pytest.param(row["file"], "ok" if row["file"] == TAKEN_WITHOUT_PROFILE else row["expected"], id=row["file"])
            for row in csv.DictReader(rows, delimiter="\t")
            if row["expected"] != "as-filenames"
            # Ends only by a limit of the sandbox, whose tests have it.
            and "timeout" not in row["expected"]
        ]


@pytest.mark.long
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the collection of other projects' test files is not here")
@pytest.mark.parametrize(("file", "expected"), _corpus())
def test_a_collected_file_ends_in_a_picture_or_a_clear_error(file, expected):
    data = (CORPUS / file).read_bytes()
    failure = None
    try:
        found = probe(data)
        for number, size in enumerate(found.pages[:2], start=1):
            stored = Spec.parse("full/!200,200/0/default.png").resolve(size)
            rendered = render(data, RenderJob(found.media_type, number, stored, size))
            assert (rendered.width, rendered.height) == (stored.size.width, stored.size.height)
    except TransformError as error:
        failure = error
    assert failure is None or failure.permanent
    if expected in ("ok", "clear-error"):
        assert ("clear-error" if failure else "ok") == expected


@pytest.mark.parametrize(("effects", "noticed"), [({"cut"}, (Notice.CUT_OFF,)), (set(), ())])
def test_a_corner_of_the_paper_that_is_not_in_the_photo_is_noticed(effects, noticed):
    photo = papers.photo(1017, 1, table="grey", effects=frozenset(effects)).image

    assert probe(fixtures.jpeg(photo)).notices == (noticed,)
