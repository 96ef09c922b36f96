"""An order is handed over to a phone: one phone, for minutes, into the same draft, and it sees nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.intake import drafts, handovers, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Handover
from tests.prescriptions.customer import PAGE, file, picture

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "/upload/phone"
Enter = Callable[[str], Client]


@pytest.fixture
def code(customer: Client) -> str:
    """What the order's page shows."""
    page = customer.post(PAGE, {"action": "phone"}).content.decode()
    found = re.search(r'translate="no">http://testserver/upload/phone\?link=([a-z2-9]{16})</b>', page)
    assert found is not None
    assert re.search(r'<svg class="qr" viewBox="0 0 (\d+) \1" role="img" aria-label="QR code"><path d="M4 4h1v1', page)
    return found[1]


@pytest.fixture
def enter() -> Enter:
    """A phone that reads a code and presses the button."""

    def scan(code: str) -> Client:
        phone = Client(raise_request_exception=False)
        phone.get(f"{PHONE}?link={code}")
        phone.post(f"{PHONE}?link={code}")
        return phone

    return scan


def is_in(phone: Client) -> bool:
    return phone.get(PHONE).status_code == 200


def age(seconds: float) -> None:
    """As if it had been left alone for so long."""
    row = Handover.objects.get()
    Handover.objects.update(expires_at=row.expires_at - timedelta(seconds=seconds))


def test_the_first_phone_is_let_in_and_no_other(code: str, link: OrderLink, enter: Enter) -> None:
    # given programs that look at what is scanned
    looking = Client()
    for _ in range(3):
        answer = looking.get(f"{PHONE}?link={code}")
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        assert "order on your other screen" in answer.content.decode()
        assert link.order_ref not in answer.content.decode()
    assert not is_in(looking)

    # when two phones read it
    first, second = enter(code), enter(code)

    # then the first is in, and its own second scan is none of somebody else
    assert (is_in(first), is_in(second)) == (True, False)
    assert first.get(f"{PHONE}?link={code}").status_code == 303
    for again in (second.get(f"{PHONE}?link={code}"), second.post(f"{PHONE}?link={code}"), second.get(PHONE)):
        assert again.status_code == 404
        assert "This code is over" in again.content.decode()
    # and what it was given opens no page of the order, nor is a code or a link a phone's
    for address in (PAGE, "/upload/", f"{PAGE}/files", f"{PAGE}/status"):
        assert first.get(address).status_code == 404
    held = first.cookies["rx_phone"]
    assert (held["path"], held["httponly"], held["samesite"]) == (PHONE, True, "Lax")
    for wrong in (code, f"{Handover.objects.get().pk}.x", f"{Handover.objects.get().pk}.", "\x00.x", held.value + "x"):
        assert handovers.opened(wrong) is None


def test_photos_go_into_the_draft_of_the_computer(customer: Client, link: OrderLink, code: str, enter: Enter) -> None:
    # given a file from the computer, and a page that watches
    mine = drafts.add(link, file("scan.png"))
    watched = customer.get(f"{PAGE}/files")
    assert 'data-phone="waiting" data-say="Waiting for your phone."' in watched.content.decode()
    phone = enter(code)

    # when the phone sends one
    answer = phone.post(f"{PHONE}/files", {"file": file("photo.png", picture("teal"))})
    assert answer.status_code == 201

    # then it is there, and the phone sees its own
    [_, theirs] = drafts.files_of(link)
    assert [row.name for row in drafts.files_of(link)] == ["scan.png", "photo.png"]
    now = customer.get(f"{PAGE}/files", headers={"If-None-Match": watched["ETag"]})
    assert 'data-phone="open"' in now.content.decode()
    assert f'<li class="file kept" data-phone id="file-{theirs.pk}"' in now.content.decode()
    assert customer.get(f"{PAGE}/files", headers={"If-None-Match": now["ETag"]}).status_code == 304
    page = phone.get(PHONE).content.decode()
    assert ("photo.png" in page, "scan.png" in page) == (True, False)

    # and takes back what is its own, and nothing else
    for row in (mine, theirs):
        phone.post(PHONE, {"action": f"remove:{row.pk}"})
    for action in ("order", f"up:{mine.pk}", "send", "phone", "reuse:x"):
        phone.post(PHONE, {"action": action, "order": [mine.pk], "consent": "on"})
    assert drafts.files_of(link) == [mine]


def test_without_scripts_photos_are_added_by_a_form(link: OrderLink, code: str, enter: Enter) -> None:
    phone = enter(code)
    answer = phone.post(PHONE, {"action": "add", "files": [file("1.png"), file("2.bmp", b"BM" + b"0" * 900)]})
    assert answer.status_code == 400
    assert "2.bmp is not a file we can read" in answer.content.decode()
    assert [row.name for row in drafts.files_of(link)] == ["1.png"]
    assert phone.post(PHONE, {"action": "add", "files": [file("3.png", picture("red"))]}).status_code == 303
    assert len(drafts.files_of(link)) == 2


def test_it_ends_ten_minutes_after_it_was_used_and_with_its_parent(code: str, enter: Enter, link: OrderLink) -> None:
    age(601)
    assert not is_in(enter(code))
    age(-601)
    phone = enter(code)
    assert is_in(phone)

    # being used it goes on, but not for longer than the link that it is a child of
    age(500)
    assert phone.post(f"{PHONE}/files", {"file": file()}).status_code == 201
    assert Handover.objects.get().expires_at > timezone.now() + timedelta(seconds=500)
    assert Handover.objects.get().expires_at <= order_links.ends(link)
    age(601)
    assert not is_in(phone)
    assert phone.post(f"{PHONE}/files", {"file": file()}).status_code == 404
    assert (handovers.sweep(), Handover.objects.count()) == (1, 0)


def test_it_ends_when_everything_is_sent(link: OrderLink, code: str, enter: Enter) -> None:
    phone = enter(code)
    phone.post(f"{PHONE}/files", {"file": file()})
    [row] = drafts.files_of(link)

    assert submission.submit(link, [row.pk]) is not None

    assert not is_in(phone)
    assert phone.post(f"{PHONE}/files", {"file": file("late.png")}).status_code == 404
    assert drafts.files_of(link) == []


def test_it_ends_with_the_next_code_and_with_a_link_that_is_taken_back(
    customer: Client, link: OrderLink, code: str, enter: Enter
) -> None:
    phone = enter(code)
    customer.post(PAGE, {"action": "phone"})
    assert not is_in(phone)

    other = enter(handovers.begin(link))
    assert is_in(other)
    order_links.revoke(link.client, link.id, longest=order_links.ends(link))
    assert not is_in(other)


def test_a_link_that_only_uploads_hands_over_its_own_draft(link: OrderLink, enter: Enter) -> None:
    sender = order_links.mint(order_ref="A-1", client="shop", expires_in=600, scope="upload")
    phone = enter(handovers.begin(sender))
    phone.post(f"{PHONE}/files", {"file": file()})
    assert (len(drafts.files_of(sender)), len(drafts.files_of(link))) == (1, 0)


def test_large_photos_come_in_pieces(link: OrderLink, code: str, enter: Enter) -> None:
    phone, data = enter(code), picture()
    spoken = {"Tus-Resumable": "1.0.0"}
    path = phone.post(f"{PHONE}/uploads", headers={**spoken, "Upload-Length": str(len(data))})["Location"]
    assert path.startswith(f"http://testserver{PHONE}/uploads/")
    kind = "application/offset+octet-stream"
    answer = phone.patch(path, data, content_type=kind, headers={**spoken, "Upload-Offset": "0"})
    assert answer.status_code == 204
    assert phone.post(f"{PHONE}/files", {"upload": path[-32:]}).status_code == 201
    assert len(drafts.files_of(link)) == 1
