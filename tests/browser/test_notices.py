"""What a page does not show of its file cannot be overlooked: neither by customers nor by pharmacists."""

import io
from uuid import uuid4

import pikepdf
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, OpenPage, check_accessible
from tests.browser.staff import enter, hire
from tests.conftest import CLIENT, Site
from tests.transforms.fixtures import edited, vector_pdf
from tests.transforms.unembedded import by_glyphs, document

A4 = [0, 0, 595, 842]


def bad_pdf() -> bytes:
    """Two pages; the letters of the second are not drawn."""
    out = io.BytesIO()
    good, bad = (io.BytesIO(edited(data, MediaBox=A4)) for data in (vector_pdf(), document(*by_glyphs("Nosuch", "नम"))))
    with pikepdf.open(good) as whole, pikepdf.open(bad) as second:
        whole.pages.extend(second.pages)
        whole.save(out)
    return out.getvalue()


def test_it_is_said_to_everybody_who_can_mend_it(site: Site, open_page: OpenPage) -> None:
    # given a customer on the order's page, on a phone
    order = site.http.post("/api/v1/order-links", json={"order_ref": f"WEB-{uuid4().hex}"}, headers=site.bearer).json()
    page = open_page(order["url"], viewport=PHONE)

    # when the file has been taken
    page.set_input_files("#choose", {"name": "bad.pdf", "mimeType": "application/pdf", "buffer": bad_pdf()})

    # then its row says what is wrong with it, and so does a screen reader; it can be sent all the same
    told = "Page 2: Some text of this PDF cannot be shown"
    expect(page.locator(".kept .noticed")).to_contain_text(told)
    expect(page.locator("#say")).to_contain_text(f"bad.pdf was added. {told}")
    check_accessible(page)
    page.check("#consent")
    page.click("#send")
    expect(page.locator("article.status .rx-notice")).to_contain_text(told)
    check_accessible(page)

    # and the pharmacist sees it above the picture, whichever page is shown, without scrolling
    name = f"notices-{CLIENT}"
    review = open_page()
    enter(review, site, hire(site, {name: "pharmacist"})[name])
    rx = site.rows("SELECT id FROM prescriptions_prescription WHERE order_ref = ?", order["order_ref"])[0][0]
    review.goto(f"{site.stack.base_url}/admin/prescriptions/review/{rx}/")
    notice = review.locator('[data-notice="missing-glyphs"]')
    expect(notice).to_contain_text("Page 2: Text may be missing or wrong")
    expect(notice).to_be_in_viewport(ratio=1)
    shown, picture = notice.bounding_box(), review.locator("[data-main]").bounding_box()
    assert shown is not None
    assert picture is not None
    assert shown["y"] + shown["height"] <= picture["y"]
    assert picture["height"] > 350
    check_accessible(review)
