"""info.json, Link headers and the manifest, compared with exact documents."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.request.iiif import Canvas, Rendering, info_json, link_headers, manifest
from transforms.request.presets import is_advertised
from transforms.request.spec import Spec, Stored

SERVICE = "https://rx.example/iiif/3/k1.t0k3n/0123456789abcdef0123456789abcdef_1"
MANIFEST = "https://rx.example/iiif/presentation/3/k1.t0k3n/0123456789abcdef0123456789abcdef/manifest"
A4 = Size(2480, 3508)

pages = st.builds(Size, st.integers(1, LIMITS.source_side), st.integers(1, LIMITS.source_side)).filter(
    lambda page: page.area <= LIMITS.source_pixels
)


def test_info_json_of_an_a4_page():
    assert info_json(service_id=SERVICE, page=A4, part_of=MANIFEST) == {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": SERVICE,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": 2480,
        "height": 3508,
        "maxWidth": 4096,
        "maxHeight": 4096,
        "maxArea": 12_000_000,
        "sizes": [
            {"width": 141, "height": 200},
            {"width": 283, "height": 400},
            {"width": 764, "height": 1080},
            {"width": 1448, "height": 2048},
            {"width": 2480, "height": 3508},
        ],
        "tiles": [{"width": 2048, "scaleFactors": [1, 2]}],
        "preferredFormats": ["webp", "jpg"],
        "extraQualities": ["color", "gray", "bitonal", "enhanced"],
        "extraFormats": ["webp", "avif", "pdf"],
        "extraFeatures": ["canonicalLinkHeader", "profileLinkHeader"],
        "partOf": [{"id": MANIFEST, "type": "Manifest"}],
    }


def test_the_context_comes_first_and_values_are_plain_json_types():
    document = info_json(service_id=SERVICE, page=A4)

    assert next(iter(document)) == "@context"
    assert "partOf" not in document
    assert {type(name) for name in document["preferredFormats"] + document["extraFormats"]} == {str}


def test_only_the_qualities_that_the_reader_may_see_are_listed():
    document = info_json(service_id=SERVICE, page=A4, qualities=("redacted",))

    assert document["extraQualities"] == ["redacted"]


def test_the_maxima_of_a_page_beyond_the_limits_are_the_page_itself():
    document = info_json(service_id=SERVICE, page=Size(8192, 6144))

    assert (document["maxWidth"], document["maxHeight"], document["maxArea"]) == (8192, 6144, 50_331_648)
    assert document["tiles"] == [{"width": 2048, "scaleFactors": [1, 2, 4]}]
    assert document["sizes"][-1] == {"width": 8192, "height": 6144}


@settings(deadline=None, max_examples=60)
@given(pages)
def test_every_size_and_tile_of_the_document_is_within_its_maxima_and_servable(page):
    document = info_json(service_id=SERVICE, page=page)
    asked = [("full", size["width"], size["height"]) for size in document["sizes"]]
    for tile in document["tiles"]:
        for factor in tile["scaleFactors"]:
            asked += tile_requests(page, tile["width"], factor)

    for region, width, height in asked:
        stored = Spec.parse(f"{region}/{width},{height}/0/default.jpg").resolve(page, oversize="reject")
        assert stored.size == Size(width, height)
        assert is_advertised(stored, page)
        assert width <= document["maxWidth"]
        assert height <= document["maxHeight"]
        assert width * height <= document["maxArea"]


@settings(deadline=None, max_examples=60)
@given(pages)
def test_max_is_what_the_maxima_allow(page):
    """IIIF Image API 3.0 §4.2: the region's own size unless maxWidth, maxHeight or maxArea is smaller."""
    document = info_json(service_id=SERVICE, page=page)
    size = Spec.parse("full/max/0/default.jpg").resolve(page).size

    assert size == page
    assert page.width <= document["maxWidth"]
    assert page.height <= document["maxHeight"]
    assert page.area <= document["maxArea"]


def tile_requests(page: Size, side: int, factor: int) -> list[tuple[str, int, int]]:
    """The requests of the specification's implementation notes §3, followed line by line."""
    requests = []
    for m in range(-(-page.height // (side * factor))):
        for n in range(-(-page.width // (side * factor))):
            xr, yr, wr, hr = n * side * factor, m * side * factor, side * factor, side * factor
            ws = hs = side
            if xr + wr > page.width:
                wr = page.width - xr
                ws = (page.width - xr + factor - 1) // factor
            if yr + hr > page.height:
                hr = page.height - yr
                hs = (page.height - yr + factor - 1) // factor
            requests.append((f"{xr},{yr},{wr},{hr}", ws, hs))
    return requests


def test_link_headers_name_the_canonical_address_and_the_profile_with_http():
    assert link_headers(service_id=SERVICE, canonical="full/max/0/default.webp") == (
        f'<{SERVICE}/full/max/0/default.webp>;rel="canonical", <http://iiif.io/api/image/3/level2.json>;rel="profile"'
    )


def image(width: int, height: int, kind: str = "webp") -> dict[str, object]:
    """The image resource of a stored form of SERVICE."""
    address = f"{SERVICE}/full/{width},{height}/0/default.{kind}"
    media_type = {"webp": "image/webp", "jpg": "image/jpeg"}[kind]
    return {"id": address, "type": "Image", "format": media_type, "width": width, "height": height}


def test_the_manifest_of_a_prescription():
    document = manifest(
        manifest_id=MANIFEST,
        label="Prescription",
        canvases=[Canvas(service_id=SERVICE, number=1, page=A4, label="Page 1")],
        rendering=[Rendering(url="https://rx.example/document.pdf", label="All pages", media_type="application/pdf")],
    )

    assert document == {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": MANIFEST,
        "type": "Manifest",
        "label": {"en": ["Prescription"]},
        "thumbnail": [image(141, 200)],
        "rendering": [
            {
                "id": "https://rx.example/document.pdf",
                "type": "Text",
                "label": {"en": ["All pages"]},
                "format": "application/pdf",
            }
        ],
        "items": [
            {
                "id": f"{MANIFEST}/canvas/1",
                "type": "Canvas",
                "label": {"en": ["Page 1"]},
                "width": 2480,
                "height": 3508,
                "thumbnail": [image(141, 200)],
                "items": [
                    {
                        "id": f"{MANIFEST}/canvas/1/page",
                        "type": "AnnotationPage",
                        "items": [
                            {
                                "id": f"{MANIFEST}/canvas/1/annotation",
                                "type": "Annotation",
                                "motivation": "painting",
                                "target": f"{MANIFEST}/canvas/1",
                                "body": {
                                    **image(1448, 2048, "jpg"),
                                    "service": [{"id": SERVICE, "type": "ImageService3", "profile": "level2"}],
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(("rotation", "turned"), [(90, True), (180, False), (270, True)])
def test_a_turned_page_is_painted_turned_on_a_canvas_of_its_shape(rotation, turned):
    canvas = Canvas(service_id=SERVICE, number=1, page=A4, label="Page 1", rotation=rotation)
    [item] = manifest(manifest_id=MANIFEST, label="Prescription", canvases=[canvas])["items"]

    def sides(width, height):
        return {"width": height, "height": width} if turned else {"width": width, "height": height}

    address = f"{SERVICE}/full/141,200/{rotation}/default.webp"
    thumbnail = {"id": address, "type": "Image", "format": "image/webp", **sides(141, 200)}
    assert {"width": item["width"], "height": item["height"]} == sides(2480, 3508)
    assert item["thumbnail"] == [thumbnail]
    # and nothing leads a viewer to the page as it was before: it would take an image service over the picture
    assert item["items"][0]["items"][0]["body"] == {
        "id": f"{SERVICE}/full/1448,2048/{rotation}/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        **sides(1448, 2048),
    }


def test_a_download_is_an_image_or_a_text():
    canvas = Canvas(service_id=SERVICE, number=1, page=A4, label="Page 1")
    downloads = [
        Rendering(url=f"https://rx.example/{number}", label="As uploaded", media_type=media_type)
        for number, media_type in enumerate(("image/jpeg", "application/pdf"))
    ]
    document = manifest(manifest_id=MANIFEST, label="Prescription", canvases=[canvas], rendering=downloads)

    label = {"en": ["As uploaded"]}
    assert document["rendering"] == [
        {"id": "https://rx.example/0", "type": "Image", "label": label, "format": "image/jpeg"},
        {"id": "https://rx.example/1", "type": "Text", "label": label, "format": "application/pdf"},
    ]


def test_pages_keep_their_order_and_numbers_and_every_image_is_a_stored_form():
    canvases = [
        Canvas(service_id=f"{SERVICE[:-1]}{number}", number=number, page=page, label=f"Page {number}")
        for number, page in [(2, A4), (5, Size(600, 400)), (7, Size(8192, 6144))]
    ]
    document = manifest(manifest_id=MANIFEST, label="Prescription", canvases=canvases)

    assert [item["id"] for item in document["items"]] == [f"{MANIFEST}/canvas/{n}" for n in (2, 5, 7)]
    assert "rendering" not in document
    for canvas, item in zip(canvases, document["items"], strict=True):
        body = item["items"][0]["items"][0]["body"]
        for image in (item["thumbnail"][0], body):
            stored = Stored.parse(image["id"].removeprefix(f"{canvas.service_id}/"))
            stored.fits(canvas.page)
            assert stored.size == Size(image["width"], image["height"])


def test_a_reader_of_redacted_pages_gets_redacted_addresses_only():
    canvas = Canvas(service_id=SERVICE, number=1, page=A4, label="Page 1", quality="redacted-0123abcd")
    document = manifest(manifest_id=MANIFEST, label="Prescription", canvases=[canvas])

    assert "default." not in str(document)
    assert document["thumbnail"][0]["id"] == f"{SERVICE}/full/141,200/0/redacted-0123abcd.webp"


def test_a_manifest_without_pages_is_a_programming_error():
    with pytest.raises(ValueError, match="at least one canvas"):
        manifest(manifest_id=MANIFEST, label="Prescription", canvases=[])
