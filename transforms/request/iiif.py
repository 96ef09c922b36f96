"""IIIF documents as plain dicts: info.json (Image API 3.0 §5), Link headers, the Presentation 3.0 manifest.

Pure builders. Every address comes from the caller; every image address made here carries the stored form, so
that it can be answered from storage without a redirect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from transforms.formats import OutputFormat
from transforms.geometry import Size
from transforms.limits import LIMITS, Limits
from transforms.request.presets import PREFERRED_FORMATS, advertised_sizes, preset, scale_factors
from transforms.request.size import ceilings
from transforms.request.spec import Stored

IMAGE_CONTEXT: Final = "http://iiif.io/api/image/3/context.json"
IMAGE_PROTOCOL: Final = "http://iiif.io/api/image"
PRESENTATION_CONTEXT: Final = "http://iiif.io/api/presentation/3/context.json"
LEVEL: Final = "level2"
# An identifier, not a link: clients compare it byte for byte; https here fails the conformance validators.
PROFILE: Final = f"http://iiif.io/api/image/3/{LEVEL}.json"

# `redacted` is added by the caller for pages that have a confirmed redaction.
QUALITIES: Final = ("color", "gray", "bitonal", "enhanced")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet of paper in a page: an image service of its own, and its size in pixels."""

    service_id: str
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """One page of a manifest.

    `page` is its size in pixels before it is turned clockwise by `rotation` (0, 90, 180 or 270 degrees); `quality` the
    stored quality that this reader may see; `sheet` the other image to choose.
    """

    service_id: str
    number: int
    page: Size
    label: str
    quality: str = "default"
    rotation: int = 0
    sheet: Sheet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A whole-document download that a manifest points to."""

    url: str
    label: str
    media_type: str


def info_json(
    *,
    service_id: str,
    page: Size,
    limits: Limits = LIMITS,
    part_of: str | None = None,
    qualities: Sequence[str] = QUALITIES,
) -> Json:
    """The image information document of one page.

    `service_id` is the URI that the client used, without a trailing slash; `part_of` the manifest's URI;
    `qualities` those besides `default` that this reader may ask for (§5.7).
    """
    max_width, max_height, max_area = ceilings(page, limits)
    document: Json = {
        "@context": IMAGE_CONTEXT,
        "id": service_id,
        "type": "ImageService3",
        "protocol": IMAGE_PROTOCOL,
        "profile": LEVEL,
        "width": page.width,
        "height": page.height,
        "maxWidth": max_width,
        "maxHeight": max_height,
        "maxArea": max_area,
        "sizes": [_sides(size) for size in advertised_sizes(page, limits)],
        "tiles": [{"width": limits.tile_side, "scaleFactors": list(scale_factors(page, limits))}],
        "preferredFormats": [str(name) for name in PREFERRED_FORMATS],
        "extraQualities": list(qualities),
        # Level 2 itself names jpg and png.
        "extraFormats": [str(name) for name in (OutputFormat.WEBP, OutputFormat.AVIF, OutputFormat.PDF)],
        "extraFeatures": ["canonicalLinkHeader", "profileLinkHeader"],
    }
    if part_of:
        document["partOf"] = [{"id": part_of, "type": "Manifest"}]
    return document


def link_headers(*, service_id: str, canonical: str) -> str:
    """The value of an image's `Link` header: its canonical URI (§4.8) and the compliance level (§6)."""
    return f'<{service_id}/{canonical}>;rel="canonical", <{PROFILE}>;rel="profile"'


def manifest(
    *,
    manifest_id: str,
    label: str,
    canvases: Sequence[Canvas],
    rendering: Sequence[Rendering] = (),
    limits: Limits = LIMITS,
) -> Json:
    """A Presentation 3.0 manifest with one canvas a page, in the order given.

    Ids of canvases are `{manifest_id}/canvas/{number}`. Raises ValueError without canvases: a manifest must
    have one (Presentation API 3.0 §5.2).
    """
    if not canvases:
        raise ValueError("a manifest needs at least one canvas")
    items = [_canvas(manifest_id, canvas, limits) for canvas in canvases]
    document: Json = {
        "@context": PRESENTATION_CONTEXT,
        "id": manifest_id,
        "type": "Manifest",
        "label": _text(label),
        "thumbnail": items[0]["thumbnail"],
    }
    if rendering:
        document["rendering"] = [_rendering(item) for item in rendering]
    document["items"] = items
    return document


def _canvas(manifest_id: str, canvas: Canvas, limits: Limits) -> Json:
    canvas_id = f"{manifest_id}/canvas/{canvas.number}"
    thumbnail, picture = (
        replace(preset(name, canvas.page, limits), quality=canvas.quality, rotation=canvas.rotation)
        for name in ("thumb", "review")
    )
    # As JPEG: a page of image/webp is a file to download to Universal Viewer 4.4.
    body = _image(canvas.service_id, replace(picture, format=OutputFormat.JPG))
    # Of a turned page there is the picture alone: with a service beside it viewers ask that for the upright page, and
    # an ImageApiSelector with a rotation (Cookbook recipe 0040) leaves Mirador 4.0 and Clover 3.3 with nothing to show.
    if not canvas.rotation:
        body["service"] = [_service(canvas.service_id)]
    if canvas.sheet:
        # The photo first: it has everything that the sheet has. Viewers that do not choose show the first (Cookbook
        # recipe 0033).
        shown = replace(preset("review", canvas.sheet.size, limits), quality=canvas.quality, format=OutputFormat.JPG)
        sheet = _image(canvas.sheet.service_id, shown)
        items = [{**body, "label": _text("Photo")}, {**sheet, "label": _text("Paper")}]
        items[1]["service"] = [_service(canvas.sheet.service_id)]
        body = {"type": "Choice", "items": items}
    return {
        "id": canvas_id,
        "type": "Canvas",
        "label": _text(canvas.label),
        **_sides(canvas.page.rotated(canvas.rotation)),
        # Without a service: a viewer that found one would build an address of its own, one not stored yet.
        "thumbnail": [_image(canvas.service_id, thumbnail)],
        "items": [
            {
                "id": f"{canvas_id}/page",
                "type": "AnnotationPage",
                "items": [
                    {
                        "id": f"{canvas_id}/annotation",
                        "type": "Annotation",
                        "motivation": "painting",
                        "target": canvas_id,
                        "body": body,
                    }
                ],
            }
        ],
    }


def _service(service_id: str) -> Json:
    return {"id": service_id, "type": "ImageService3", "profile": LEVEL}


def _image(service_id: str, stored: Stored) -> Json:
    return {
        "id": f"{service_id}/{stored}",
        "type": "Image",
        "format": stored.format.media_type,
        **_sides(stored.size.rotated(stored.rotation)),
    }


def _rendering(item: Rendering) -> Json:
    kind = "Image" if item.media_type.startswith("image/") else "Text"
    return {"id": item.url, "type": kind, "label": _text(item.label), "format": item.media_type}


def _sides(size: Size) -> Json:
    return {"width": size.width, "height": size.height}


def _text(text: str) -> dict[str, list[str]]:
    """A language map (Presentation API 3.0 §4.2)."""
    return {"en": [text]}
