"""Sheets that count no more, on a real S3: nothing that they showed stays, whoever was under way."""

from typing import Any

import pytest
from django.db.models import Q

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as as_actor
from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.models import Page, Sheet, Variant
from prescriptions.upkeep import erasure, reviews
from prescriptions.variants import claims, making, redactions, sheets
from tests.prescriptions.staff import Make
from tests.prescriptions.variants.sheet_at_hand import FIRST, SECOND, get, put, render
from tests.prescriptions.variants.sheet_at_hand import page as page
from transforms.request.presets import preset

pytestmark = pytest.mark.django_db


def test_a_render_that_was_under_way_leaves_nothing_of_the_old_one(page: Page, staff: dict[str, Any]) -> None:
    old = put(page, FIRST, staff["pharmacist"])
    variant, _won = claims.insert(old, preset("thumb", old.size), advertised=True)

    def slow(claimed: Variant, timings: dict[str, float]) -> claims.Made:
        made = making.in_sandbox(claimed, timings)
        put(page, SECOND, staff["pharmacist"])
        return made

    making.make(variant.id, variant.owner, maker=slow)

    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()


def test_an_object_that_no_row_tells_of_goes_with_its_sheet(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    variant = render(put(page, FIRST, staff["pharmacist"]))
    variant.delete()

    with django_capture_on_commit_callbacks(execute=True):
        put(page, SECOND, staff["pharmacist"])

    assert not storage.variant_exists(variant.key)


def test_what_a_sheet_showed_of_an_old_redaction_goes_though_its_corners_came_back_meanwhile(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    sheet, actor = put(page, FIRST, staff["pharmacist"]), as_actor(staff["pharmacist"])
    old = render(sheet, f"redacted-{redactions.confirm(page.prescription_id, 1, [[30, 40, 9, 8]], actor=actor).digest}")
    put(page, SECOND, staff["pharmacist"])  # and S3 was away
    put(page, FIRST, staff["pharmacist"])
    assert not Variant.objects.exists()
    assert storage.variant_exists(old.key)

    with django_capture_on_commit_callbacks(execute=True):
        redactions.confirm(page.prescription_id, 1, [[30, 40, 99, 8]], actor=actor)

    assert not storage.variant_exists(old.key)


def test_a_render_whose_row_went_meanwhile_leaves_no_object(page: Page, staff: dict[str, Any]) -> None:
    """The corners were others for a moment, and are the same again."""
    first = put(page, FIRST, staff["pharmacist"])
    variant, _won = claims.insert(first, preset("thumb", first.size), advertised=True)

    def slow(claimed: Variant, timings: dict[str, float]) -> claims.Made:
        made = making.in_sandbox(claimed, timings)
        put(page, SECOND, staff["pharmacist"])
        put(page, FIRST, staff["pharmacist"])
        return made

    making.make(variant.id, variant.owner, maker=slow)

    assert not storage.variant_exists(variant.key)
    assert not Variant.objects.filter(pk=variant.pk).exists()


@pytest.mark.parametrize("purged", [False, True])
def test_nobody_sets_or_refuses_it_on_a_page_that_was_erased_since_it_was_found(
    page: Page, staff: dict[str, Any], monkeypatch: pytest.MonkeyPatch, purged: bool
) -> None:
    standing = put(page, FIRST, staff["pharmacist"])

    def found(rx: str, number: int) -> Page:
        erasure.bury(rx, Q(erased_at=None), actor=SYSTEM, data={})
        if purged:
            erasure.purge(rx)
        return page

    monkeypatch.setattr(sheets, "find_page", found)
    for attempt in (
        lambda: put(page, SECOND, staff["pharmacist"]),
        lambda: sheets.refuse(page.prescription_id, 1, actor=as_actor(staff["pharmacist"])),
    ):
        with pytest.raises(Problem) as refused:
            attempt()
        assert (refused.value.status, refused.value.code) == (410, "erased")

    left = [] if purged else [(standing.pk, None)]
    assert list(Sheet.objects.values_list("pk", "retired_at")) == left


def test_a_sheet_of_a_large_photo_waits_in_the_large_lane(make: Make, staff: dict[str, Any]) -> None:
    page = make(pages=1).prescription.pages.get()
    Page.objects.filter(pk=page.pk).update(width=6928, height=9248)
    page.refresh_from_db()
    sheet = put(page, [[500, 500], [1700, 500], [1700, 5500], [500, 5500]], staff["pharmacist"])

    variant, _won = claims.insert(sheet, preset("review", sheet.size), advertised=True)

    assert (variant.lane, claims.cost_of_variant(variant).pixels) == (claims.LARGE, 6928 * 9248)


def test_what_s3_could_not_delete_is_deleted_by_the_sweep(
    page: Page, staff: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = render(put(page, FIRST, staff["pharmacist"]))
    with monkeypatch.context() as patched:

        def down(bucket: str, prefix: str) -> None:
            raise storage.StorageUnavailable("down")

        patched.setattr(storage, "delete_everything", down)
        put(page, SECOND, staff["pharmacist"])
        assert not sheets.clear_retired(page)
    assert storage.variant_exists(variant.key)

    assert reviews.housekeeping()["sheets"] == 1

    assert not storage.variant_exists(variant.key)
    assert reviews.housekeeping()["sheets"] == 0


def test_a_new_redaction_deletes_what_the_sheet_showed_of_the_old_one(
    page: Page, staff: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    sheet, actor = put(page, FIRST, staff["pharmacist"]), as_actor(staff["pharmacist"])
    old = render(sheet, f"redacted-{redactions.confirm(page.prescription_id, 1, [[30, 40, 9, 8]], actor=actor).digest}")
    assert storage.variant_exists(old.key)

    with django_capture_on_commit_callbacks(execute=True):
        redactions.confirm(page.prescription_id, 1, [[30, 40, 99, 8]], actor=actor)

    assert not storage.variant_exists(old.key)
    assert get(page, sheet.digest, old.stored).status_code == 410
