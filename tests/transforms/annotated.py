"""Pages with annotations and form fields of every kind, with and without appearances, under every flag."""

import io
from collections.abc import Callable
from typing import Any, Final

import pikepdf

from tests.transforms import fixtures

Array, Dictionary, Name = pikepdf.Array, pikepdf.Dictionary, pikepdf.Name

# Where the annotation of a page is; the rest shows text and the corners.
AREA: Final = (30, 20, 150, 60)
SIZE: Final = (180, 120)
INVISIBLE, HIDDEN, PRINT, NO_ROTATE, NO_VIEW = 1, 2, 4, 16, 32
FLAGS: Final = {
    "screen and print": PRINT,
    "screen alone": 0,
    "hidden": HIDDEN | PRINT,
    "print alone": NO_VIEW | PRINT,
}
UNSEEN: Final = ("hidden", "print alone")

_QUADS: Final = [30, 60, 150, 60, 30, 20, 150, 20]
_RED: Final = [0.9, 0, 0]
KINDS: Final[dict[str, dict[str, Any]]] = {
    "Highlight": {"QuadPoints": _QUADS, "C": [1, 1, 0]},
    "Underline": {"QuadPoints": _QUADS, "C": _RED},
    "StrikeOut": {"QuadPoints": _QUADS, "C": _RED},
    "Squiggly": {"QuadPoints": _QUADS, "C": _RED},
    "Ink": {"InkList": [[30, 20, 60, 60, 90, 20, 150, 60]], "C": [0, 0, 0.9], "BS": {"W": 3}},
    "Square": {"C": _RED, "BS": {"W": 3}},
    "Circle": {"C": _RED, "IC": [0, 0.9, 0.9], "BS": {"W": 3}},
    "Text": {"Contents": "Please call", "Name": "/Note"},
    "FreeText": {"Contents": "REPLACED BY 250 mg, twice a day", "DA": "/Helv 10 Tf 0.9 0 0 rg", "Border": [0, 0, 1]},
    "Line": {"L": [35, 25, 145, 55], "C": _RED, "BS": {"W": 3}, "LE": ["/OpenArrow", "/Circle"]},
    "PolyLine": {"Vertices": [35, 25, 90, 55, 145, 25], "C": _RED, "BS": {"W": 2, "S": "/D", "D": [4, 2]}},
    "Polygon": {"Vertices": [35, 25, 90, 55, 145, 25], "C": _RED, "IC": [1, 1, 0]},
    "Stamp": {"Name": "/NotApproved"},
    "Caret": {"C": [0, 0, 0.9]},
    "FileAttachment": {"Name": "/Paperclip"},
}


def _object(value: Any) -> Any:
    if isinstance(value, dict):
        return Dictionary({f"/{key}": _object(item) for key, item in value.items()})
    if isinstance(value, list):
        return Array([_object(item) for item in value])
    return Name(value) if isinstance(value, str) and value.startswith("/") and " " not in value else value


def _form(document: pikepdf.Pdf, content: bytes, **keys: Any) -> pikepdf.Stream:
    return document.make_stream(content, Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 120, 40], **keys)


def _made(change: Callable[[pikepdf.Pdf, Any], None], *, rotate: int = 0, layers: bool = False) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(fixtures.vector_pdf(text="Amoxicillin"))) as document:
        page = document.pages[0].obj
        page.MediaBox, page.Rotate = Array([0, 0, *SIZE]), rotate
        change(document, page)
        document.save(out)
    return out.getvalue()


def annotation(kind: str, *, flags: int = PRINT, rotate: int = 0, **keys: Any) -> bytes:
    """A page with an annotation of `kind` in `AREA`, without an appearance."""

    def change(document: pikepdf.Pdf, page: Any) -> None:
        told = {"Type": "/Annot", "Subtype": f"/{kind}", "Rect": list(AREA), "F": flags, **KINDS.get(kind, {}), **keys}
        page.Annots = Array([document.make_indirect(_object(told))])

    return _made(change, rotate=rotate)


def stamped(*, flags: int = PRINT, kind: str = "Stamp", rotate: int = 0, **keys: Any) -> bytes:
    """The same, with an appearance of its own: a red bar and letters."""

    def change(document: pikepdf.Pdf, page: Any) -> None:
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        shown = b"0.9 0 0 rg 0 0 120 10 re f BT /F 20 Tf 4 16 Td (VOID) Tj ET"
        form = _form(document, shown, Resources=Dictionary(Font=Dictionary(F=font)))
        told = {"Type": "/Annot", "Subtype": f"/{kind}", "Rect": list(AREA), "F": flags, **keys}
        made = _object(told)
        made.AP = Dictionary(N=form)
        page.Annots = Array([document.make_indirect(made)])

    return _made(change, rotate=rotate)


def field(*, need: bool, appearance: bool, flags: int = PRINT, value: str = "250 mg") -> bytes:
    """A text field with a value, with or without an appearance, in a form that may ask for new appearances."""

    def change(document: pikepdf.Pdf, page: Any) -> None:
        font = document.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/Helvetica-Bold")))
        made = document.make_indirect(
            Dictionary(
                Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="dose", V=value, F=flags, Rect=list(AREA),
                DA="/Helv 18 Tf 0 g",
            )
        )  # fmt: skip
        if appearance:
            shown = b"/Tx BMC q BT 0 g /Helv 18 Tf 4 12 Td (" + value.encode() + b") Tj ET Q EMC"
            made.AP = Dictionary(N=_form(document, shown, Resources=Dictionary(Font=Dictionary(Helv=font))))
        page.Annots = Array([made])
        document.Root.AcroForm = Dictionary(
            Fields=[made], NeedAppearances=need, DR=Dictionary(Font=Dictionary(Helv=font)), DA="/Helv 0 Tf 0 g"
        )

    return _made(change)


def tick(*, state: str | None, value: str | None) -> bytes:
    """A tick box with appearances for on and off; which of them is seen follows from its state, or from its value."""

    def change(document: pikepdf.Pdf, page: Any) -> None:
        on, off = b"0 0 0.9 rg 0 0 120 40 re f", b"0 0 0.9 RG 4 w 2 2 116 36 re S"
        made = document.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Btn, T="ok", F=PRINT))
        made.Rect = Array(AREA)
        made.AP = Dictionary(N=Dictionary(Yes=_form(document, on), Off=_form(document, off)))
        for key, told in (("/AS", state), ("/V", value)):
            if told:
                made[key] = Name(told)
        page.Annots = Array([made])
        document.Root.AcroForm = Dictionary(Fields=[made])

    return _made(change)


def layer(*, on: bool, of_annotation: bool) -> bytes:
    """A layer that is shown or not, with a blue bar as content or as a stamp."""

    def change(document: pikepdf.Pdf, page: Any) -> None:
        group = document.make_indirect(Dictionary(Type=Name.OCG, Name="notes"))
        state = Dictionary({"/ON" if on else "/OFF": Array([group])})
        document.Root.OCProperties = Dictionary(OCGs=Array([group]), D=state)
        form = _form(document, b"0 0 0.9 rg 0 0 120 40 re f")
        if of_annotation:
            stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=list(AREA), F=PRINT, OC=group)
            stamp.AP = Dictionary(N=form)
            page.Annots = Array([document.make_indirect(stamp)])
            return
        shown = pikepdf.Page(page)
        shown.add_resource(group, Name.Properties, Name.Notes)
        shown.add_resource(form, Name.XObject, Name.Bar)
        shown.contents_add(b"/OC /Notes BDC q 1 0 0 1 30 20 cm /Bar Do Q EMC")

    return _made(change)


def inherited() -> bytes:
    """A stamp on a page that has its box and its resources from the tree."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(stamped())) as document:
        page = document.pages[0].obj
        for key in ("/MediaBox", "/Resources"):
            document.Root.Pages[key] = page[key]
            del page[key]
        document.save(out)
    return out.getvalue()


def every() -> dict[str, bytes]:
    """All of them, by name."""
    made = {f"{kind}, {name}": annotation(kind, flags=FLAGS[name]) for kind in KINDS for name in FLAGS}
    made |= {f"stamp, {name}": stamped(flags=flags) for name, flags in FLAGS.items()}
    made |= {f"field, {name}": field(need=True, appearance=False, flags=flags) for name, flags in FLAGS.items()}
    made |= {
        f"field, need {need}, appearance {appearance}": field(need=need, appearance=appearance)
        for need in (True, False)
        for appearance in (True, False)
    }
    made["invisible where it is unknown"] = stamped(flags=INVISIBLE | PRINT)
    made["unknown"] = stamped(kind="Riddle")
    made["unknown and invisible"] = stamped(kind="Riddle", flags=INVISIBLE | PRINT)
    made["field, invisible"] = field(need=True, appearance=False, flags=INVISIBLE | PRINT)
    made |= {f"tick {state} {value}": tick(state=state, value=value)
             for state in ("/Yes", "/Off", None) for value in ("/Yes", "/Off", None)}  # fmt: skip
    made |= {f"layer {on}, annotation {own}": layer(on=on, of_annotation=own) for on in (True, False)
             for own in (True, False)}  # fmt: skip
    made |= {f"turned by {turn}": stamped(rotate=turn) for turn in (90, 180, 270)}
    made |= {f"upright on a page turned by {turn}": stamped(rotate=turn, flags=PRINT | NO_ROTATE) for turn in (90, 180)}
    made |= {f"line turned by {turn}": annotation("Line", rotate=turn) for turn in (90, 180)}
    made["box from the tree"] = inherited()
    made["mark beside its rectangle"] = annotation("Highlight", Rect=[10, 80, 40, 90])
    made["text beyond Latin"] = annotation("FreeText", Contents="zastąpić: 250 mg, дважды")
    made["long text"] = annotation("FreeText", Contents="REPLACED BY 250 mg. " * 12)
    made["half seen"] = annotation("Square", CA=0.3)
    made["file"] = annotation("Text", Name="/Comment", F=24)
    return made
