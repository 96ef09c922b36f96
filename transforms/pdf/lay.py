"""Makes the annotations that are seen on screen, form fields among them, part of a page's content.

By the rule that viewers follow (ISO 32000-1, 12.5.5) and that PDFium draws by. The flags for printing say nothing here:
what is seen is what is printed. Annotations without an appearance are dropped: PDFium and `appearances` write one for
every kind that has something to show.
"""

from collections.abc import Iterator
from typing import Any, Final

import pikepdf

from transforms.pdf import boxes

_HIDDEN: Final = 1 << 1
_NO_VIEW: Final = 1 << 5
_POPUP: Final = "/Popup"  # opens when it is clicked
_MARKUP: Final = ("/Highlight", "/Underline", "/Squiggly", "/StrikeOut")
_OF_PDFIUM: Final = "/PDFIUM_HasGeneratedAP"
_FLAT: Final = 0.001  # PDFium does not stretch what is thinner, in points


def annotations(target: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Draws them over what `page`, of `target`, shows already, in their order and form fields last, and drops them."""
    drawn: list[bytes] = []
    for form, matrix in _seen(page.obj):
        name = _free_name(page, len(drawn))
        page.add_resource(target.make_indirect(form), pikepdf.Name.XObject, name)
        drawn.append(b"q %s cm %s Do Q" % (matrix.encode().strip(), str(name).encode()))
    if drawn:
        page.contents_add(b"q", prepend=True)
        page.contents_add(b"Q\n" + b"\n".join(drawn))
    if "/Annots" in page.obj:
        del page.obj.Annots


def _seen(page: Any) -> Iterator[tuple[Any, pikepdf.Matrix]]:
    """Appearance by appearance, with what carries it to its place on the page."""
    found = page.get("/Annots")
    every = [item for item in found if isinstance(item, pikepdf.Dictionary)] if isinstance(found, pikepdf.Array) else []
    for annotation in sorted(every, key=lambda item: item.get("/Subtype") == "/Widget"):
        form = appearance(annotation)
        if form is None or annotation.get("/Subtype") == _POPUP or _flags(annotation) & (_HIDDEN | _NO_VIEW):
            continue
        yield form, _placed(form, annotation)


def _flags(annotation: Any) -> int:
    flags = annotation.get("/F", 0)
    return flags if isinstance(flags, int) else 0


def appearance(annotation: Any) -> Any:
    """Its normal appearance, in its present state; None if it has none."""
    normal = annotation.get("/AP", {}).get("/N")
    if isinstance(normal, pikepdf.Dictionary):
        state = annotation.get("/AS") or annotation.get("/V") or annotation.get("/Parent", {}).get("/V")
        key = f"/{state}".replace("//", "/")
        normal = normal.get(key, None if "/AS" in annotation else normal.get("/Off"))
    return normal if isinstance(normal, pikepdf.Stream) else None


def _placed(form: Any, annotation: Any) -> pikepdf.Matrix:
    """What fits the box of `form`, as its own matrix turns it, into the rectangle of `annotation`."""
    box, place = pikepdf.Rectangle(box_of(form)), _rectangle(annotation)
    across = float(place.width / box.width) if box.width > _FLAT else 1.0
    up = float(place.height / box.height) if box.height > _FLAT else 1.0
    return pikepdf.Matrix(
        across, 0, 0, up, float(place.llx) - float(box.llx) * across, float(place.lly) - float(box.lly) * up
    )


def box_of(form: Any) -> pikepdf.Array:
    """The box of `form`, as its own matrix turns it."""
    own = pikepdf.Matrix(form.get("/Matrix", pikepdf.Array([1, 0, 0, 1, 0, 0])))
    return own.transform(boxes.upright(form.BBox)).as_array()


def _rectangle(annotation: Any) -> pikepdf.Rectangle:
    quads = annotation.get("/QuadPoints")
    if _OF_PDFIUM in annotation and annotation.Subtype in _MARKUP and isinstance(quads, pikepdf.Array):
        # PDFium draws its own marks where the marked lines are, whatever the rectangle says.
        at = [float(number) for number in quads]
        return pikepdf.Rectangle(min(at[0::2]), min(at[1::2]), max(at[0::2]), max(at[1::2]))
    return boxes.upright(annotation.Rect)


def _free_name(page: pikepdf.Page, number: int) -> pikepdf.Name:
    resources: Any = page.obj.get("/Resources")
    taken = resources.get("/XObject", ()) if resources is not None else ()
    while (name := f"/Seen{number}") in taken:
        number += 1
    return pikepdf.Name(name)
