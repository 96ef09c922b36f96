"""/metrics of the running stack: what several processes did is one set of numbers, which names nobody."""

import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Site
from tests.waiting import children_of, kill_all, until

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scraper:
    """Prometheus: asks web itself, behind the edge."""

    def __init__(self, site: Site) -> None:
        self.address = f"http://127.0.0.1:{site.stack.ports.web}/metrics"
        self.headers = {
            "Authorization": f"Bearer {site.manage('rxtoken', 'create', '--name', 'prom', '--scopes', 'ops:read')}"
        }

    def text(self) -> str:
        answer = httpx.get(self.address, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["cache-control"] == "no-store"
        return answer.text

    def value(self, name: str, **labels: str) -> float:
        """A sample's value; 0 where nobody has counted yet."""
        for family in text_string_to_metric_families(self.text()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return 0


@pytest.fixture(scope="module")
def site(private_site: Site) -> Site:
    """Numbers are of all that anybody does."""
    return private_site


@pytest.fixture(scope="module")
def scraper(site: Site) -> Scraper:
    return Scraper(site)


def test_a_miss_and_hits_are_counted_by_several_processes(site: Site, scraper: Scraper, photo: bytes) -> None:
    labels = {"preset": "preview", "format": "webp"}
    counted = {
        "made for a request": ("rx_variant_requests_total", labels | {"outcome": "generated"}),
        "hits of Django": ("rx_variant_requests_total", labels | {"outcome": "hit"}),
        "made by a worker": ("rx_variant_generation_seconds_count", {"backend": "celery", "format": "webp"}),
        "waits": ("rx_variant_wait_seconds_count", {"outcome": "ready"}),
        "queued": ("rx_variant_queue_seconds_count", {"lane": "advertised"}),
        "uploads": ("rx_uploads_total", {"door": "api", "outcome": "accepted"}),
        "puts": ("rx_s3_request_seconds_count", {"operation": "put_object"}),
        "redirects of generate": ("rx_http_requests_total", {"role": "generate", "status": "3xx"}),
    }

    def look() -> dict[str, float]:
        return {what: scraper.value(name, **labels) for what, (name, labels) in counted.items()}

    before = look()

    # when one miss goes through the edge, and the API is asked for what is there by then
    body = site.prescription(("photo.jpg", photo))
    assert [answer.status_code for answer in site.follow(body["pages"][0]["variants"]["preview"])] == [307, 303, 200]
    api = f"/api/v1/prescriptions/{body['id']}/pages/1/variants/preview"
    for _ in range(8):
        assert site.http.get(api, headers=site.bearer).headers["x-variant"] == "hit"

    # then every answer of web tells all of it, whichever of its processes was asked
    after = [look() for _ in range(3)]
    assert after[0] == after[1] == after[2]
    assert {what: after[0][what] - before[what] for what in counted} == {
        "made for a request": 1,
        "hits of Django": 8,
        "made by a worker": 1,
        "waits": 1,
        "queued": 1,
        "uploads": 1,
        "puts": 3,  # the original and its receipt by web, the variant by the worker
        "redirects of generate": 9,
    }


def test_nobody_is_named(site: Site, scraper: Scraper, photo: bytes) -> None:
    body = site.prescription(("private-name.jpg", photo), order_ref="ORDER-SECRET", patient_ref="PATIENT-SECRET")
    service = body["pages"][0]["info"].removesuffix("/info.json")
    for tail in ("full/!200,200/0/default.webp", "7,9,101,103/max/0/gray.png", "nonsense/secret-spec/0/default.webp"):
        site.follow(f"{service}/{tail}")
    site.http.get("/secret-path", headers={"User-Agent": "secret-agent"})

    text = scraper.text()

    assert 'preset="thumb"' in text
    assert re.findall(r"(?<![.0-9a-f])[0-9a-f]{16,}", text) == []
    assert re.findall(r"(?i)secret|private-name|7,9|/iiif|rxk_|127\.0\.0\.1|pid=", text) == []


def test_a_process_that_dies_takes_no_number_with_it(site: Site, scraper: Scraper) -> None:
    name, labels = "rx_http_requests_total", {"role": "web", "status": "2xx"}
    slots = site.stack.state.metrics
    for _ in range(8):
        assert site.http.get("/healthz").status_code == 200
    before, files = scraper.value(name, **labels), sorted(path.name for path in slots.glob("*.db"))

    # when both processes of web are killed, and others come in their place
    old = children_of(site.stack.pid_of("web"))
    assert len(old) == 2
    kill_all(old)
    until(lambda: len(set(children_of(site.stack.pid_of("web"))) - set(old)) == 2)
    for _ in range(8):
        until(lambda: site.http.get("/healthz").status_code == 200)

    # then nothing is forgotten, and those who came count where the others ended
    assert scraper.value(name, **labels) >= before + 8
    assert sorted(path.name for path in slots.glob("*.db")) == files


@pytest.mark.parametrize(
    "header", [None, "Bearer nonsense", "Bearer rxk_0000000000000000_" + "a" * 43, "Basic cng6cng="]
)
def test_without_a_good_token_there_is_nothing(site: Site, scraper: Scraper, header: str | None) -> None:
    answer = httpx.get(scraper.address, headers={"Authorization": header} if header else {})

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "rx_" not in answer.text


def test_a_clients_token_is_not_enough_and_the_scrapers_opens_nothing_else(site: Site, scraper: Scraper) -> None:
    answer = httpx.get(scraper.address, headers=site.bearer)
    other = site.http.get("/api/v1/prescriptions", headers=scraper.headers)

    assert (answer.status_code, other.status_code) == (403, 403)
    assert "rx_" not in answer.text


def test_from_outside_there_is_no_such_page(site: Site, scraper: Scraper) -> None:
    answer = site.http.get("/metrics", headers=scraper.headers)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "rx_" not in answer.text
