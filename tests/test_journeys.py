"""The main job, end to end through nginx on real servers: upload, miss, generate, redirect, hit."""

import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from rxproject.local import samples
from tests.conftest import CLIENT, Site
from tests.waiting import insist, until
from transforms.keys import parse_original_key
from transforms.version import PIPELINE


def image_of(response: httpx.Response) -> Image.Image:
    image = Image.open(io.BytesIO(response.content))
    image.load()
    return image


def variant_url(body: dict, name: str, page: int = 1) -> str:
    return body["pages"][page - 1]["variants"][name]


def service_url(body: dict, page: int = 1) -> str:
    return body["pages"][page - 1]["info"].removesuffix("/info.json")


def seen_by_django(site: Site, rx: str) -> list[str]:
    """Paths of a prescription's that web and generate were asked for."""
    asked = [str(line.get("path")) for name in ("web", "generate") for line in site.log(name)]
    return [path for path in asked if rx in path]


def test_a_cold_variant_is_307_then_303_then_200(site: Site, photo: bytes) -> None:
    # given a fresh upload, of which nothing was made
    body = site.prescription(("photo.jpg", photo))
    assert site.objects(body["id"]) == []

    # when its preview is asked for
    answers = site.follow(variant_url(body, "preview"))

    # then the miss leads to the generator and back, and nothing may keep a redirect
    assert [answer.status_code for answer in answers] == [307, 303, 200]
    assert [answer.headers["cache-control"] for answer in answers[:2]] == ["no-store", "no-store"]
    assert answers[1].headers["x-variant"] == "generated"
    image = image_of(answers[2])
    assert (image.format, image.size) == ("WEBP", (810, 1080))
    assert site.objects(body["id"]) == [f"{body['id']}/1/{PIPELINE}/full/810,1080/0/default.webp"]


def test_a_hit_never_reaches_django(site: Site, photo: bytes) -> None:
    # given a variant that was made
    body = site.prescription(("photo.jpg", photo))
    url = variant_url(body, "card")
    first = site.follow(url)[-1]
    before = seen_by_django(site, body["id"])

    # when it is asked for again, whole and conditionally
    again = site.http.get(url)
    unchanged = site.http.get(url, headers={"If-None-Match": again.headers["etag"]})

    # then nginx answers alone
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["x-variant"] == "hit"
    assert again.headers["cache-control"].startswith("private, max-age=")
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert seen_by_django(site, body["id"]) == before


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("full/!200,200/0/default.webp", "full/150,200/0/default.webp"),
        ("full/pct:50/0/default.jpg", "full/434,578/0/default.jpg"),
        ("full/max/0/color.png", "full/867,1156/0/default.png"),
    ],
)
def test_equal_forms_lead_to_one_object(site: Site, photo: bytes, asked: str, stored: str) -> None:
    body = site.prescription(("photo.jpg", photo))

    answers = site.follow(f"{service_url(body)}/{asked}")
    canonical = site.follow(f"{service_url(body)}/{stored}")

    assert [answer.status_code for answer in answers] == [303, 307, 303, 200]
    assert answers[0].headers["location"].endswith(stored)
    assert [answer.status_code for answer in canonical] == [200]
    assert site.objects(body["id"]) == [f"{body['id']}/1/{PIPELINE}/{stored}"]


def test_the_photo_comes_out_upright_and_without_its_metadata(site: Site, photo: bytes) -> None:
    # given a photo whose pixels lie on their side, with EXIF orientation 6 and GPS
    lying = Image.open(io.BytesIO(photo))
    assert lying.getexif()[0x0112] == 6
    assert lying.width > lying.height
    body = site.prescription(("photo.jpg", photo))

    response = site.follow(f"{service_url(body)}/full/max/0/default.jpg")[-1]

    image = image_of(response)
    assert (image.width, image.height) == (body["pages"][0]["width"], body["pages"][0]["height"])
    assert image.height > image.width
    assert dict(image.getexif()) == {}
    assert b"Exif" not in response.content


def test_pages_are_numbered_across_documents(site: Site, photo: bytes, pdf: bytes) -> None:
    body = site.prescription(("photo.jpg", photo), ("three.pdf", pdf), order_ref="ORDER-7")

    assert [page["number"] for page in body["pages"]] == [1, 2, 3, 4]
    assert [page["id"] for page in body["pages"]] == [f"{body['id']}_{n}" for n in (1, 2, 3, 4)]
    assert [document["media_type"] for document in body["documents"]] == ["image/jpeg", "application/pdf"]
    third_of_pdf = image_of(site.follow(variant_url(body, "preview", page=4))[-1])
    assert third_of_pdf.size == (764, 1080)
    assert sorted(filter(parse_original_key, site.objects(body["id"], "rx-originals"))) == sorted(
        f"{body['id']}/{document['id']}" for document in body["documents"]
    )


def test_heic_webp_and_png_are_accepted(site: Site) -> None:
    files = (
        ("iphone.heic", samples.photo_heic()),
        ("page.webp", samples.as_webp()),
        ("page.png", samples.as_png()),
    )
    body = site.prescription(*files)
    for page in (1, 2, 3):
        assert image_of(site.follow(variant_url(body, "thumb", page=page))[-1]).height == 200


def test_two_hundred_clients_on_one_cold_url(site: Site) -> None:
    # given a page that takes a while to render
    body = site.prescription(("photo.jpg", samples.phone_photo(seed=3, megapixels=12)))
    url = variant_url(body, "review")

    # when 200 clients ask at once, each over a connection of its own
    def ask(_: int) -> tuple[int, bytes]:
        with httpx.Client(timeout=60, follow_redirects=True) as client:
            response = insist(client.get, url)
            return response.status_code, response.content

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(200)))

    # then all get the same picture, made once and put once
    assert {status for status, _ in answers} == {200}
    assert len({content for _, content in answers}) == 1
    [(variant, state, attempts)] = site.rows(
        "SELECT v.id, v.state, v.attempts FROM prescriptions_variant v JOIN prescriptions_page p "
        "ON p.id = v.page_id WHERE p.prescription_id = ?",
        body["id"],
    )
    assert (state, attempts) == ("ready", 1)
    assert [line["outcome"] for line in site.log("worker") if line.get("variant") == variant] == ["ready"]
    versions = site.stack.s3_client("bootstrap").list_object_versions(Bucket="rx-variants", Prefix=body["id"])
    assert len(versions["Versions"]) == 1


def test_the_drf_view_hit_miss_and_async(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    base = f"/api/v1/prescriptions/{body['id']}/pages/1/variants"

    # a miss waits and redirects to what now exists
    miss = site.http.get(f"{base}/thumb", headers=site.bearer)
    assert (miss.status_code, miss.headers["x-variant"]) == (303, "generated")
    assert [a.status_code for a in site.follow(miss.headers["location"])] == [200]
    # a hit redirects at once
    hit = site.http.get(f"{base}/thumb", headers=site.bearer)
    assert (hit.status_code, hit.headers["x-variant"]) == (303, "hit")
    # any IIIF request will do
    spec = site.http.get(f"{base}/full/pct:25/90/gray.png", headers=site.bearer)
    assert spec.status_code == 303
    assert image_of(site.follow(spec.headers["location"])[-1]).mode == "L"
    # and who does not want to wait gets a job
    job = site.http.get(f"{base}/preview", headers={**site.bearer, "Prefer": "respond-async"})
    assert (job.status_code, job.json()["page"]) == (202, f"{body['id']}_1")
    until(lambda: site.http.get(job.headers["location"], headers=site.bearer).status_code == 303)
    done = site.http.get(job.headers["location"], headers=site.bearer)
    assert [a.status_code for a in site.follow(done.headers["location"])] == [200]


def test_the_request_id_goes_from_the_edge_to_the_worker(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    answers = site.follow(variant_url(body, "thumb"))

    (generated,) = {answer.headers["x-request-id"] for answer in answers}
    assert [answer.status_code for answer in answers] == [307, 303, 200]

    asked = [line for line in site.log("generate") if line.get("request_id") == generated]
    assert [line["status"] for line in asked if line["message"] == "request"] == [303]
    made = [line for line in site.log("worker") if line.get("request_id") == generated and line["message"] == "variant"]
    assert [line["outcome"] for line in made] == ["ready"]
    assert site.stack.log_path("access").read_text().count(f'"request_id":"{generated}"') == 3
    assert site.rows("SELECT request_id FROM prescriptions_variant WHERE request_id = ?", generated) == [(generated,)]


def test_info_json_names_the_url_it_was_asked_at(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    url = body["pages"][0]["info"]

    info = site.http.get(url)
    base = site.http.get(service_url(body))

    assert info.json()["id"] == service_url(body)
    assert info.headers["content-type"].startswith("application/ld+json")
    assert info.headers["access-control-allow-origin"] == "*"
    assert (base.status_code, site.stack.base_url + base.headers["location"]) == (303, url)
    for size in info.json()["sizes"]:
        answers = site.follow(f"{service_url(body)}/full/{size['width']},{size['height']}/0/default.jpg")
        assert image_of(answers[-1]).size == (size["width"], size["height"])


def test_the_manifest_has_a_canvas_for_each_page(site: Site, pdf: bytes) -> None:
    body = site.prescription(("three.pdf", pdf))

    manifest = site.http.get(body["manifest"]).json()

    assert (manifest["type"], len(manifest["items"])) == ("Manifest", 3)
    thumbnail = manifest["items"][2]["thumbnail"][0]["id"]
    assert image_of(site.follow(thumbnail)[-1]).height == 200


def test_a_link_for_somebody_else_opens_its_pages_until_it_is_taken_back(site: Site, photo: bytes) -> None:
    # given two links to one prescription, of which one was taken back
    body = site.prescription(("photo.jpg", photo))
    path = f"/api/v1/prescriptions/{body['id']}/links"
    sent = {"scope": "f", "expires_in": 600}
    taken, good = (site.http.post(path, json=sent, headers=site.bearer).json() for _ in range(2))
    assert site.follow(variant_url(body, "card"))[-1].status_code == 200
    assert site.http.delete(f"{path}/{taken['id']}", headers=site.bearer).status_code == 204

    # when both are used, twice each
    urls = [link["opens"][0]["variants"]["card"] for link in (taken, good)]
    answers = [[site.http.get(url) for url in urls] for _ in range(2)]

    # then the picture that is there is for one of them, and of the other nothing is told
    assert [[answer.status_code for answer in pair] for pair in answers] == [[403, 200], [403, 200]]
    assert answers[0][1].content == answers[1][1].content
    assert answers[0][0].json()["type"] == "/docs/problems#link-refused"
    assert "/-link" in [line.get("path") for line in site.log("web")]


def test_a_program_on_another_origin_asks_for_an_address_and_shows_it(site: Site, photo: bytes) -> None:
    site.manage("rxtoken", "origins", CLIENT, "--set", "https://shop.example")
    rx = site.prescription(("photo.jpg", photo))["id"]
    path, origin = f"/api/v1/prescriptions/{rx}/pages/1/variants/card", {"Origin": "https://shop.example"}

    preflight = site.http.options(path, headers={**origin, "Access-Control-Request-Method": "GET"})
    answer = site.http.get(path, headers={**site.bearer, **origin, "Accept": "application/json"})
    picture = site.http.get(answer.json()["url"], headers=origin)

    for told in (preflight, answer):
        assert told.headers.get_list("access-control-allow-origin") == ["https://shop.example"]
    assert answer.json()["etag"] == picture.headers["etag"]
    assert picture.headers.get_list("access-control-allow-origin") == ["*"]
    part = site.http.get(f"/api/v1/prescriptions/{rx}/original", headers={**site.bearer, "Range": "bytes=0-1"})
    assert (part.status_code, part.content, part.headers["content-length"]) == (206, photo[:2], "2")
