"""Erasure against renders under way: whatever had been reached, nothing is left and nothing comes back."""

import pytest

from tests.conftest import CLIENT, Site
from tests.faults.misses import caught_rendering
from tests.waiting import until


def everything_under(site: Site, rx: str) -> list[str]:
    """All versions and markers of all objects of a prescription, in both buckets."""
    client = site.stack.s3_client("bootstrap")
    found = []
    for bucket in ("rx-originals", "rx-variants"):
        listing = client.list_object_versions(Bucket=bucket, Prefix=f"{rx}/")
        found += [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in listing.get(kind, [])]
    return found


@pytest.fixture(scope="session")
def eraser(site: Site) -> dict[str, str]:
    token = site.manage("rxtoken", "create", "--name", "eraser", "--client", CLIENT, "--scopes", "rx:read,rx:erase")
    return {"Authorization": f"Bearer {token}"}


def test_erased_means_gone_through_every_door(site: Site, photo: bytes, eraser: dict[str, str]) -> None:
    # given a prescription with variants that nginx has not cached
    body = site.prescription(("photo.jpg", photo))
    rx, page = body["id"], body["pages"][0]
    made = site.http.get(f"/api/v1/prescriptions/{rx}/pages/1/variants/card", headers=site.bearer)
    assert len(everything_under(site, rx)) == 3  # the original, its receipt, a variant

    # when it is erased
    answer = site.http.delete(f"/api/v1/prescriptions/{rx}", headers=eraser)

    # then no object and no version is left, and every door says so
    assert answer.status_code == 204
    assert everything_under(site, rx) == []
    doors = {
        made.headers["location"]: {410, 403},
        page["variants"]["print"]: {410, 403},
        page["info"]: {410, 403},
        body["manifest"]: {410, 403},
        f"/api/v1/prescriptions/{rx}": {410},
        f"/api/v1/prescriptions/{rx}/original": {410},
        f"/api/v1/prescriptions/{rx}/pages/1/variants/thumb": {410},
    }
    for door, allowed in doors.items():
        assert site.follow(door, headers=site.bearer)[-1].status_code in allowed, door
    assert everything_under(site, rx) == []
    assert site.http.delete(f"/api/v1/prescriptions/{rx}", headers=eraser).status_code == 410


@pytest.mark.slow
def test_a_render_under_way_leaves_nothing_behind(site: Site, eraser: dict[str, str]) -> None:
    # given a render that takes a second or more, begun and not ended
    rx, _ = caught_rendering(site, seed=6)
    before = len(site.log("worker"))

    # when the prescription is erased meanwhile
    assert site.http.delete(f"/api/v1/prescriptions/{rx}", headers=eraser).status_code == 204

    # then the worker ends its work and nothing of it stays
    until(lambda: any(line["message"] == "variant" for line in site.log("worker")[before:]))
    assert everything_under(site, rx) == []
    # and once all leases have run out, the storage is proved empty
    site.change("UPDATE prescriptions_prescription SET erased_at = '2000-01-01' WHERE id = ?", rx)
    purged = "SELECT 1 FROM prescriptions_prescription WHERE id = ? AND purged_at IS NOT NULL"
    until(lambda: site.rows(purged, rx), "proved to be empty")
    assert everything_under(site, rx) == []


def test_what_must_be_kept_is_kept_and_its_links_are_cut(site: Site, photo: bytes, eraser: dict[str, str]) -> None:
    # given a prescription under a legal hold, with a variant
    body = site.prescription(("photo.jpg", photo))
    rx, link = body["id"], body["pages"][0]["variants"]["card"]
    site.http.get(f"/api/v1/prescriptions/{rx}/pages/1/variants/card", headers=site.bearer)
    hold = "from prescriptions.models import Prescription as P; P.objects.filter(pk='%s').update(legal_hold='case 7')"
    site.manage("shell", "-c", hold % rx)

    # when somebody tries to erase it
    answer = site.http.delete(f"/api/v1/prescriptions/{rx}", headers=eraser)

    # then the answer says why not, the original stays, and the customer's link is dead at once
    assert answer.status_code == 409
    assert "case 7" in answer.json()["detail"]
    assert site.objects(f"{rx}/", "rx-originals") != []
    assert site.follow(link)[-1].status_code == 403
    assert site.objects(f"{rx}/") == []

    # and nobody can have made again what an old link would show
    for asked in ("pages/1/variants/card", "pages/1/variants/thumb", "document.pdf"):
        assert site.http.get(f"/api/v1/prescriptions/{rx}/{asked}", headers=site.bearer).status_code == 409
    assert site.objects(f"{rx}/") == []
    assert site.follow(link)[-1].status_code == 403
