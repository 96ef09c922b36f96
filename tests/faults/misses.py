"""What the tests of faults share: a miss that is under way, what its row says, and clients that do as they are told."""

import httpx

from rxproject.local import samples
from tests.conftest import Site
from tests.waiting import insist, until


def state_of(site: Site, rx: str) -> list[tuple[str, int]]:
    """State and attempts of each variant of a prescription."""
    return site.rows(
        "SELECT v.state, v.attempts FROM prescriptions_variant v "
        "JOIN prescriptions_page p ON p.id = v.page_id WHERE p.prescription_id = ?",
        rx,
    )


def ask_later(site: Site, rx: str, spec: str) -> str:
    """Ask for a variant and go away; the address of the job."""
    path = f"/api/v1/prescriptions/{rx}/pages/1/variants/{spec}"
    answer = insist(site.http.get, path, headers={**site.bearer, "Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def caught_rendering(site: Site, *, seed: int) -> tuple[str, str]:
    """A prescription whose render has begun and not ended, and its job. Looked too late? Again, with another one."""
    photo = samples.phone_photo(seed=seed, megapixels=12)
    for _ in range(5):
        rx = site.prescription(("photo.jpg", photo))["id"]
        job = ask_later(site, rx, "full/max/0/default.avif")
        until(lambda rx=rx: state_of(site, rx)[0][0] != "queued", "somebody takes it")  # type: ignore[misc]
        if state_of(site, rx)[0][0] == "rendering":
            return rx, job
    raise AssertionError("every render had ended before it was seen")


def lapse(site: Site, rx: str) -> None:
    """The leases of a prescription run out now: what time would do, written into the stack's database."""
    site.change(
        "UPDATE prescriptions_variant SET lease_until = '2000-01-01' "
        "WHERE page_id IN (SELECT id FROM prescriptions_page WHERE prescription_id = ?)",
        rx,
    )


def visit(site: Site, url: str) -> httpx.Response:
    """The last answer to a client that follows redirects; a loop is an error."""
    with httpx.Client(base_url=site.stack.base_url, timeout=60, follow_redirects=True, max_redirects=5) as client:
        return client.get(url)
