"""What an approval rests on, in a real browser: the date while it is typed, and pictures that were really painted."""

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, check_accessible
from tests.browser.review_site import OpenAs, Uploaded, ambiguous_date, choose, complete, look_at_all, rx_of
from tests.conftest import Site
from tests.waiting import until


def test_a_date_that_forbids_an_approval_is_told_while_it_is_typed(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    address = uploaded()
    page = open_as(address)
    complete(page)
    look_at_all(page)
    choose(page, "Approve")
    submit, missing, valid = page.locator("[data-submit]"), page.locator("#missing"), page.locator("#valid")

    for day, said, why in (
        ("2999-01-01", "The date is in the future.", "the date is in the future"),
        ("1026-01-31", "The date is too long ago", "the date is before"),
        ("2024-03-14", "It ran out on 10 Sept 2024.", "it ran out on 10 Sept 2024; only a senior can override that"),
    ):
        page.fill("#prescribed_on", day)
        expect(valid).to_contain_text(said)
        expect(missing).to_contain_text(f"Cannot be approved: {why}")
        expect(submit).to_have_attribute("aria-disabled", "true")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    # what is typed in numbers is asked back where it could be another date; what can be read in one way only is not
    day, other = ambiguous_date()
    page.fill("#prescribed_on", day.isoformat())
    expect(page.locator(".ask")).to_be_hidden()
    page.fill("#prescribed_on", "")
    page.fill("#prescribed_on", f"{day:%d/%m/%y}")
    expect(page.locator("#echo")).to_have_text(f"{day:%a, %-d %B %Y}")
    page.keyboard.press("Enter")
    expect(page.locator("#prescribed_on")).to_have_value(day.isoformat())
    expect(page.locator(".ask input").first).to_be_focused()
    expect(missing).to_contain_text("which date is meant")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.locator(".ask").get_by_role("radio", name=f"{other:%-d}").check(force=True)
    expect(page.locator("#prescribed_on")).to_have_value(other.isoformat())
    expect(missing).not_to_contain_text("which date")


def test_dates_are_read_as_people_write_them(uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded())
    typed = {
        "d": ("2026-03-05", True),
        "d-1": ("2026-03-04", True),
        "-40": ("2026-01-24", True),
        "5": ("2026-03-05", True),
        "6": ("2026-02-06", True),
        "31": ("2026-01-31", True),
        "4/3": ("2026-03-04", False),
        "6/3": ("2025-03-06", False),
        "31.12": ("2025-12-31", False),
        "4-3-26": ("2026-03-04", False),
        "04032026": ("2026-03-04", False),
        "4 mar": ("2026-03-04", True),
        "24 December 25": ("2025-12-24", True),
        "4mars26": ("", False),
        "2026-02-28": ("2026-02-28", True),
        "29/2/24": ("2024-02-29", False),
        "29/2/25": ("", False),
        "4/13": ("", False),
        "1/1/2999": ("2999-01-01", False),
        "12 ju": ("", False),
        "soon": ("", False),
        "": ("", False),
    }
    read = """async typed => { const { parse } = await import('/static/prescriptions/review-date.js')
      return typed.map(text => parse(text, '2026-03-05')) }"""
    found = page.evaluate(read, list(typed))
    assert [(each["day"], bool(each["day"]) and each["sure"]) for each in found] == list(typed.values())

    # what is no date is said, and what was half typed is the same day tomorrow
    page.fill("#prescribed_on", "yesterday")
    expect(page.locator("#valid")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.locator("#prescribed_on")).to_be_focused()
    expect(page.locator("#valid")).to_contain_text("This is no date.")
    page.fill("#prescribed_on", "d-1")
    yesterday = page.locator("#prescribed_on").get_attribute("data-meant")
    until(lambda: f'["prescribed_on","{yesterday}"]' in page.evaluate("Object.values(sessionStorage).join()"))
    page.get_by_role("button", name="Today").click()
    expect(page.locator("#prescribed_on")).not_to_have_value(yesterday or "")


def test_no_number_stays_with_another_prescriber(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    # given one prescriber with a number, and one without
    address = uploaded()
    row = "INSERT INTO prescriptions_prescriber "
    row += "(client, name, registration_number, found_by, prescription_id, used_at) "
    row += "SELECT client, ?, ?, ?, id, created_at FROM prescriptions_prescription WHERE id = ?"
    site.change(row, "Dr Kavya Numbered", "KMC 777", " kavya numbered kmc 777", rx_of(address))
    site.change(row, "Dr Kavya Plain", "", " kavya plain", rx_of(address))
    page = open_as(address)
    number = page.locator("#registration_number")

    def pick(name: str) -> None:
        page.fill("#prescriber", f"kavya {name}")
        page.get_by_role("option", name=f"Dr Kavya {name}").click()
        expect(page.locator("#prescriber")).to_have_value(f"Dr Kavya {name}")

    # then picking the other leaves nothing of the first: at once, and out of a draft
    pick("Numbered")
    expect(number).to_have_value("KMC 777")
    until(lambda: "KMC 777" in page.evaluate("Object.values(sessionStorage).join()"))
    pick("Plain")
    expect(number).to_have_value("")
    pick("Numbered")
    until(lambda: "KMC 777" in page.evaluate("Object.values(sessionStorage).join()"))
    page.reload()
    expect(number).to_have_value("KMC 777")
    pick("Plain")
    expect(number).to_have_value("")

    # and a number that was typed stays with its own name alone
    pick("Numbered")
    number.fill("MMC 1")
    pick("Plain")
    expect(number).to_have_value("")
    number.fill("MMC 1")
    pick("Plain")
    expect(number).to_have_value("MMC 1")


def test_a_picture_counts_only_when_it_was_painted_and_the_server_knows(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    # given a page whose picture does not come, and a server that does not answer for a while
    address = uploaded()
    page = open_as(address)
    expect(page.locator("[data-page='1']")).to_have_attribute("data-seen", "")
    page.route(f"**/{rx_of(address)}_2/full/**", lambda route: route.abort())
    page.locator("[data-page='2']").click()
    expect(page.locator("[data-main] [data-failed]")).to_be_visible()
    page.route("**/seen/", lambda route: route.abort())
    page.locator("[data-page='3']").click()
    expect(page.locator("[data-notice=lost]")).to_be_visible()
    expect(page.locator("[data-page][data-seen]")).to_have_count(1)

    # then it is reported again until it is stored, and the link in the bar leads to the page that is missing
    page.unroute("**/seen/")
    expect(page.locator("[data-page='3']")).to_have_attribute("data-seen", "")
    choose(page, "Approve")
    page.unroute(f"**/{rx_of(address)}_2/full/**")
    page.get_by_role("link", name="1 of 3 pages not looked at: page 2").click()
    expect(page.locator("[data-page='2']")).to_have_attribute("aria-current", "page")
    seen = "SELECT count(*) FROM prescriptions_pageseen s JOIN prescriptions_page p ON p.id = s.page_id "
    until(lambda: site.rows(seen + "WHERE p.prescription_id = ? AND NOT s.declared", rx_of(address)) == [(3,)])
