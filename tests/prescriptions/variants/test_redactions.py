"""Redactions on a real S3: what redacted links show, and that nothing of an older redaction stays."""

import io
from typing import Any

import pytest
from django.db.models import Q
from django.test import Client
from PIL import Image

from prescriptions.audit.actors import SYSTEM, staff
from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting
from prescriptions.models import AuditEvent, Page, Redaction, Variant, VariantState
from prescriptions.upkeep import erasure, reviews
from prescriptions.variants import claims, links, making, redactions
from prescriptions.variants.pictures import is_advertised, preset_of
from rxproject.local.stack.stack import Stack
from tests.links import mint
from tests.prescriptions.conftest import file, picture
from transforms.request.spec import Spec, Stored

FIRST, SECOND = [[30, 40, 100, 80]], [[30, 40, 120, 93], [10, 10, 5, 5]]


@pytest.fixture
def page(servers: Stack, seeded: None) -> Page:
    """A white page with a navy patch, 300 x 400, whose original is in S3."""
    prescription = accepting.accept([file(data=picture(form="PNG"))], client="shop")
    return Page.objects.select_related("prescription", "document").get(prescription=prescription)


def confirm(page: Page, boxes: Any, user: Any) -> Redaction:
    return redactions.confirm(page.prescription_id, page.number, boxes, actor=staff(user))


def make(page: Page, digest: str) -> Variant:
    stored = Stored.parse(f"full/300,400/0/redacted-{digest}.png")
    variant, won = claims.insert(page, stored, advertised=True)
    assert won
    making.make(variant.id, variant.owner)
    variant.refresh_from_db()
    return variant


def get(page: Page, tail: str, scope: Any = "f", prefix: str = "") -> Any:
    token = mint(page.prescription_id, scope=scope)
    return Client().get(f"{prefix}{links.variant_path(page.prescription_id, page.number, tail, token)}")


def pixel(key: str, at: tuple[int, int]) -> tuple[int, ...]:
    _described, chunks = storage.open_variant(key)
    with Image.open(io.BytesIO(b"".join(chunks))) as image:
        found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return found


def test_the_boxes_are_burnt_out_of_the_picture_and_nothing_else(page: Page, staff: dict[str, Any]) -> None:
    redaction = confirm(page, FIRST, staff["pharmacist"])

    variant = make(page, redaction.digest)

    assert variant.state == VariantState.READY
    assert pixel(variant.key, (60, 60)) == (0, 0, 0)
    assert pixel(variant.key, (140, 110)) == (0, 0, 128), "navy beyond the box"
    assert pixel(variant.key, (290, 390)) == (255, 255, 255)
    assert list(AuditEvent.objects.filter(rx=page.prescription_id).values_list("verb", flat=True)) == [
        "received",
        "page.redacted",
    ]


def test_before_anybody_confirmed_there_is_no_redacted_page_and_never_the_clear_one(page: Page) -> None:
    for tail in ("full/300,400/0/redacted.png", "full/300,400/0/redacted-00000000.png"):
        assert get(page, tail).status_code == 404
        assert get(page, tail, prefix="/generate").status_code == 404
    assert get(page, "full/300,400/0/default.png", scope="r").status_code == 404
    assert Variant.objects.count() == 0


def test_redacted_links_lead_to_the_current_digest_and_to_nothing_clear(page: Page, staff: dict[str, Any]) -> None:
    digest = confirm(page, FIRST, staff["pharmacist"]).digest

    for quality in ("default", "redacted"):
        answer = get(page, f"full/max/0/{quality}.png", scope="r")
        assert answer.status_code == 303
        assert answer["Location"].endswith(f"/full/300,400/0/redacted-{digest}.png")
    for quality in ("color", "gray", "enhanced", "bitonal"):
        assert get(page, f"full/max/0/{quality}.png", scope="r").status_code == 403


def test_a_new_redaction_ends_the_old_one_its_objects_and_its_address(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    old = confirm(page, FIRST, staff["pharmacist"])
    variant = make(page, old.digest)
    assert storage.variant_exists(variant.key)

    with django_capture_on_commit_callbacks(execute=True):
        new = confirm(page, SECOND, staff["senior"])

    assert redactions.current_digest(page) == new.digest != old.digest
    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()
    assert get(page, variant.stored).status_code == 410
    assert get(page, variant.stored, prefix="/generate").status_code == 410
    assert Redaction.objects.get(pk=old.pk).cleared_at is not None


def test_a_render_that_was_under_way_leaves_nothing_of_the_old_one(page: Page, staff: dict[str, Any]) -> None:
    old = confirm(page, FIRST, staff["pharmacist"])
    stored = Stored.parse(f"full/300,400/0/redacted-{old.digest}.png")
    variant, _won = claims.insert(page, stored, advertised=True)

    def slow(claimed: Variant, timings: dict[str, float]) -> claims.Made:
        made = making.in_sandbox(claimed, timings)
        confirm(page, SECOND, staff["pharmacist"])
        return made

    making.make(variant.id, variant.owner, maker=slow)

    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()


def test_an_object_that_no_row_tells_of_goes_with_its_redaction(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    """As an older release leaves one, or a render whose row went meanwhile."""
    old = make(page, confirm(page, FIRST, staff["pharmacist"]).digest)
    clear, _won = claims.insert(page, Stored.parse("full/300,400/0/default.png"), advertised=True)
    making.make(clear.id, clear.owner)
    old.delete()

    with django_capture_on_commit_callbacks(execute=True):
        confirm(page, SECOND, staff["senior"])

    assert not storage.variant_exists(old.key)
    assert storage.variant_exists(clear.key), "nothing else of the page does"


def test_a_render_whose_row_went_meanwhile_leaves_no_object(page: Page, staff: dict[str, Any]) -> None:
    """The boxes were others for a moment, and are the same again."""
    first = confirm(page, FIRST, staff["pharmacist"])
    stored = Stored.parse(f"full/300,400/0/redacted-{first.digest}.png")
    variant, _won = claims.insert(page, stored, advertised=True)

    def slow(claimed: Variant, timings: dict[str, float]) -> claims.Made:
        made = making.in_sandbox(claimed, timings)
        confirm(page, SECOND, staff["pharmacist"])
        confirm(page, FIRST, staff["pharmacist"])
        return made

    making.make(variant.id, variant.owner, maker=slow)

    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()


def test_nobody_redacts_a_page_that_was_erased_since_it_was_found(
    page: Page, staff: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(rx: str, number: int) -> Page:
        erasure.bury(rx, Q(), actor=SYSTEM, data={})
        return page

    monkeypatch.setattr(redactions, "find_page", found)

    with pytest.raises(Problem) as refused:
        confirm(page, FIRST, staff["pharmacist"])

    assert (refused.value.status, refused.value.code) == (410, "erased")
    assert Redaction.objects.count() == 0


def test_the_same_boxes_again_are_the_same_redaction_and_come_back_after_others(
    page: Page, staff: dict[str, Any]
) -> None:
    first = confirm(page, FIRST, staff["pharmacist"])
    assert confirm(page, FIRST, staff["senior"]) == first
    make(page, first.digest)
    confirm(page, SECOND, staff["pharmacist"])

    again = confirm(page, FIRST, staff["pharmacist"])
    assert reviews.housekeeping()["redactions"] == 1
    variant = make(page, again.digest)

    assert again.digest == first.digest
    assert variant.state == VariantState.READY
    assert storage.variant_exists(variant.key)


def test_what_s3_could_not_delete_is_deleted_by_the_sweep(
    page: Page, staff: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = make(page, confirm(page, FIRST, staff["pharmacist"]).digest)
    with monkeypatch.context() as patched:

        def down(key: str) -> None:
            raise storage.StorageUnavailable("down")

        patched.setattr(storage, "delete_variant", down)
        confirm(page, SECOND, staff["pharmacist"])
        assert not redactions.clear_superseded(page)
    assert storage.variant_exists(variant.key)

    assert reviews.housekeeping()["redactions"] == 1

    assert not storage.variant_exists(variant.key)
    assert reviews.housekeeping()["redactions"] == 0


@pytest.mark.parametrize(
    "boxes",
    [
        [],
        [[0, 0, 0, 5]],
        [[-1, 0, 5, 5]],
        [[290, 0, 11, 5]],
        [[1.5, 0, 5, 5]],
        [[1, 2, 3]],
        ["abcd"],
        "x",
        [[True] * 4],
        [[n, n, 5, 5] for n in range(51)],
    ],
)
def test_boxes_are_whole_pixels_inside_the_page(page: Page, staff: dict[str, Any], boxes: Any) -> None:
    with pytest.raises(Problem) as refused:
        confirm(page, boxes, staff["pharmacist"])

    assert refused.value.status == 422
    assert Redaction.objects.count() == 0


@pytest.mark.parametrize("name", ["auditor", "ops"])
def test_only_those_who_review_redact(page: Page, staff: dict[str, Any], name: str) -> None:
    with pytest.raises(Problem) as refused:
        confirm(page, FIRST, staff[name])

    assert refused.value.status == 403
    assert Redaction.objects.count() == 0


def test_a_turned_page_is_given_out_turned_and_costs_no_quota(page: Page, staff: dict[str, Any]) -> None:
    from prescriptions.review import pages

    turned = pages.rotate(page.prescription_id, 1, 90, actor=as_actor(staff["pharmacist"]))

    assert str(preset_of(turned, "thumb")) == "full/150,200/90/default.webp"
    assert is_advertised(turned, preset_of(turned, "thumb"))
    assert not is_advertised(turned, Spec.parse("full/150,200/180/default.webp").resolve(page.size))
    with pytest.raises(Problem) as refused:
        pages.rotate(page.prescription_id, 1, 45, actor=as_actor(staff["pharmacist"]))
    assert refused.value.status == 422


def as_actor(user: Any) -> Any:
    return staff(user)
