"""Holds, erasures and exports in a real browser: asked for on pages that everybody can use, proved on the first."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible
from tests.browser.staff import hire, sign_in
from tests.conftest import Site

pytestmark = pytest.mark.xdist_group("queue")
GRANT = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from prescriptions.models import Review
names = ("delete_prescription", "hold_prescription", "export_prescription", "override_retention", "view_retentionrun")
get_user_model().objects.get(username="keeper").user_permissions.set(Permission.objects.filter(codename__in=names))
Review.objects.filter(pk="%s").update(status="approved")
"""


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("RX_SHOTS"):
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)


def test_pages_of_holds_erasures_and_exports(site: Site, open_page: OpenPage, photo: bytes) -> None:
    # given somebody who may, and an approved prescription
    keeper = hire(site, {"keeper": "senior"})["keeper"]
    rx = site.prescription(("p.jpg", photo), patient_ref="PAT-77", order_ref="ORD-77")["id"]
    site.prescription(("p.jpg", photo), patient_ref="PAT-77")
    site.manage("shell", "-c", GRANT % rx)
    site.manage("rxretention", "--dry-run")
    base = f"{site.stack.base_url}/admin/prescriptions/prescription/{rx}"
    page = open_page(f"{site.stack.base_url}/accounts/login/")
    sign_in(page, keeper)
    page.wait_for_url("**/admin/**")

    # then each page can be read and used by everybody
    for name in ("change", "hold", "export", "erase", "erase-all/patient_ref"):
        page.goto(f"{base}/{name}/")
        check_accessible(page)
        shot(page, name.partition("/")[0])
    page.goto(f"{site.stack.base_url}/admin/prescriptions/retentionrun/")
    check_accessible(page)
    shot(page, "runs")

    # and a hold is set and lifted, and what must be kept is erased with a reason
    page.goto(f"{base}/hold/")
    page.get_by_label("Because of").select_option("inspection")
    page.get_by_role("button", name="Hold it").click()
    expect(page.get_by_text("an inspection by an authority")).to_be_visible()
    page.goto(f"{base}/hold/")
    page.get_by_role("button", name="Lift the hold").click()
    page.goto(f"{base}/erase/")
    page.get_by_label("Erase it all the same, because").select_option("not-supplied")
    page.get_by_role("button", name="Yes, erase it").click()
    expect(page.get_by_text("Although it had to be kept: nothing was supplied")).to_be_visible()
    check_accessible(page)
    shot(page, "proof")
