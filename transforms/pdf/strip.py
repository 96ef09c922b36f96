"""Strips one page of a PDF down to what it shows.

An allow-list: only the keys below survive, so what a later PDF version invents is dropped too.
"""

import io
from typing import Any, Final

import pikepdf

from transforms import jpeg
from transforms.pdf import boxes, lay

_PAGE_KEYS: Final = frozenset({"/Type", "/Parent", "/Contents", "/Resources", "/Rotate", "/UserUnit", "/Group"})
_RESOURCE_KEYS: Final = frozenset({"/ColorSpace", "/ExtGState", "/Font", "/Pattern", "/Shading", "/XObject"})
# Of content, pictures, forms, patterns, shadings, functions, fonts, profiles and halftones: what drawing needs. Others
# hold descriptions, programs' private data, linked files, hidden other versions.
_STREAM_KEYS: Final = frozenset({
    "/Type", "/Subtype", "/Length", "/Filter", "/DecodeParms", "/Name",
    "/Width", "/Height", "/ColorSpace", "/BitsPerComponent", "/Intent", "/ImageMask", "/Mask", "/Decode",
    "/Interpolate", "/SMask", "/SMaskInData", "/Matte",
    "/FormType", "/BBox", "/Matrix", "/Resources", "/Group",
    "/PatternType", "/PaintType", "/TilingType", "/XStep", "/YStep",
    "/ShadingType", "/Background", "/AntiAlias", "/BitsPerCoordinate", "/BitsPerFlag", "/Function", "/VerticesPerRow",
    "/FunctionType", "/Domain", "/Range", "/Size", "/BitsPerSample", "/Order", "/Encode",
    "/Length1", "/Length2", "/Length3", "/CMapName", "/CIDSystemInfo", "/WMode", "/UseCMap", "/N", "/Alternate",
    "/HalftoneType", "/HalftoneName", "/Xsquare", "/Ysquare", "/Width2", "/Height2", "/TransferFunction",
})  # fmt: skip

_SYMBOLIC: Final = 1 << 2  # flag of a font: its codes are no letters
_EVERYWHERE: Final = ("/Symbol", "/ZapfDingbats")  # every reader has these two
_FONT_FILES: Final = ("/FontFile", "/FontFile2", "/FontFile3")


class NotPlainError(ValueError):
    """The page cannot be taken out without carrying more than it shows: draw it instead."""


def page(data: bytes, number: int, *, rotation: int) -> bytes:
    """Page `number` (from 1) of `data`, turned clockwise by `rotation` degrees more, and nothing else of the document.

    What annotations and form fields show becomes content. Raises NotPlainError, pikepdf.PdfError.
    """
    with pikepdf.open(io.BytesIO(data)) as source, pikepdf.new() as target:
        if "/OCProperties" in source.Root:
            raise NotPlainError("layers: which of them are hidden is said outside the page")
        box = boxes.visible(source.pages[number - 1])
        target.pages.append(source.pages[number - 1])
        only = target.pages[0]
        lay.annotations(target, only)
        for key in [key for key in only.obj.keys() if key not in _PAGE_KEYS]:  # noqa: SIM118  # not a dict
            del only.obj[key]
        # The page ends where it is seen to end. Printers place by the trim box.
        only.mediabox = only.cropbox = only.trimbox = box
        if rotation:
            only.rotate(rotation, relative=True)
        _clean_resources(only.obj)
        for item in target.objects:
            if isinstance(item, pikepdf.Stream):
                _clean_stream(item)
        target.remove_unreferenced_resources()
        out = io.BytesIO()
        target.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def _check_font(font: Any) -> None:
    """Raises NotPlainError where another reader would show something else: a font that it has to make up for.

    Letters of the Latin alphabet look much the same, whatever stands in for a font that the document does not carry.
    """
    encoding: Any = font.get("/Encoding")
    differences = encoding.get("/Differences", ()) if isinstance(encoding, pikepdf.Dictionary) else ()
    for part in font.get("/DescendantFonts", [font]):
        descriptor: Any = part.get("/FontDescriptor", pikepdf.Dictionary())
        if part.get("/Subtype") == "/Type3" or any(key in descriptor for key in _FONT_FILES):
            continue
        name = str(part.get("/BaseFont", ""))
        signs = int(descriptor.get("/Flags", 0)) & _SYMBOLIC or "dings" in name.lower()
        if (
            (signs and name not in _EVERYWHERE)
            or part is not font
            or any(str(name).startswith("/uni") for name in differences)
        ):
            raise NotPlainError("letters beyond Latin, or signs, of a font that is not part of the document")


def _clean_stream(item: pikepdf.Stream) -> None:
    for key in [key for key in item.keys() if key not in _STREAM_KEYS]:  # noqa: SIM118
        del item[key]
    _clean_resources(item)
    filters = _names(item.get("/Filter"))
    if "/JPXDecode" in filters:
        raise NotPlainError("JPEG 2000 pictures carry metadata of their own")
    if "/DCTDecode" in filters:
        if len(filters) > 1:
            raise NotPlainError("a JPEG inside another compression")
        try:
            picture = jpeg.bare(item.read_raw_bytes())
        except jpeg.NotPlainError as error:
            raise NotPlainError("a JPEG that cannot be cleaned") from error
        parameters = item.get("/DecodeParms")
        item.write(
            picture,
            filter=pikepdf.Name.DCTDecode,
            decode_parms=parameters if isinstance(parameters, pikepdf.Dictionary) else None,
        )


def _clean_resources(holder: Any) -> None:
    resources = holder.get("/Resources")
    if isinstance(resources, pikepdf.Dictionary):
        for key in [key for key in resources.keys() if key not in _RESOURCE_KEYS]:  # noqa: SIM118
            del resources[key]
        for font in resources.get("/Font", {}).values():
            _check_font(font)


def _names(value: Any) -> tuple[str, ...]:
    """/Filter is absent, a name, or an array of names."""
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, pikepdf.Array) else (str(value),)
