"""How a prescription fares, on the order's page: each state in words, answers, withdrawals, polling."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.intake import drafts, order_links
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import (
    ClarificationMessage,
    OrderLine,
    Prescription,
    Review,
    Sheet,
    SheetSource,
)
from tests.prescriptions.customer import PAGE, file, picture, sent, text
from transforms.request.paper import Paper


@pytest.mark.parametrize(
    ("status", "chip", "headline"),
    [
        ("queued", "Received", "We have your prescription"),
        ("in_review", "In review", "A pharmacist is checking your prescription"),
        ("second_check", "In review", "A pharmacist is checking your prescription"),
        ("approved", "Approved", "Your prescription is approved"),
        ("partially_approved", "Partly approved", "A part of your order is approved"),
        ("rejected", "Not accepted", "We could not accept this prescription"),
        ("expired", "Expired", "This prescription is no longer valid"),
        ("withdrawn", "Withdrawn", "You withdrew this prescription"),
    ],
)
def test_every_state_has_its_words(customer: Client, link: OrderLink, status: str, chip: str, headline: str) -> None:
    sent(link, status=status)

    page = text(customer.get(PAGE).content)

    assert chip in page
    assert headline in page


def test_the_promise_is_told_in_local_time_and_owned_up_to_when_it_is_broken(
    customer: Client, link: OrderLink, settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    due = timezone.now() + timedelta(minutes=20)
    prescription = sent(link, due_at=due)
    clock = f"{due.astimezone(ZoneInfo('Asia/Kolkata')):%-I:%M %p}"

    for status in ("queued", "in_review"):
        Review.objects.filter(pk=prescription.pk).update(status=status, due_at=due)
        page = text(customer.get(PAGE).content)
        assert re.search(rf"Usually there is an answer by (\d+ \w+ \d{{4}}, )?{clock}\.", page)
        assert "longer than usual" not in page
        Review.objects.filter(pk=prescription.pk).update(due_at=timezone.now() - timedelta(seconds=1))
        page = text(customer.get(PAGE).content)
        assert "It takes longer than usual" in page
        assert "Running late" in page
        assert "Usually there is" not in page
    Review.objects.filter(pk=prescription.pk).update(status="rejected", reason_id="image_blurry")
    assert "longer than usual" not in text(customer.get(PAGE).content)


def test_not_accepted_says_why_and_has_one_button(customer: Client, link: OrderLink) -> None:
    sent(link, status="rejected", reason_id="image_blurry", reason_page=1, customer_text="The dose cannot be read.")

    response = customer.get(PAGE)

    page = text(response.content)
    assert "The picture is blurred" in page
    assert "(page 1)" in page
    assert "Take a new photo: hold still" in page
    assert "The dose cannot be read." in page
    assert response.content.count(b"rx-button-primary") == 1
    assert response.content.count(f'href="{PAGE}?send"'.encode()) == 1
    assert "Send it again" in page


def test_a_photo_is_shown_as_it_was_sent_and_the_paper_in_it_as_it_is_read(customer: Client, link: OrderLink) -> None:
    (page,) = sent(link).pages.all()
    paper = Paper.of([(0, 0), (page.width, 0), (page.width, page.height), (0, page.height)], page.size)
    sheet = Sheet.of(page, paper, source=SheetSource.AUTO)
    sheet.save()

    shown = customer.get(PAGE).content.decode()

    assert re.findall(r'alt="(Page [^"]*)"', shown) == ["Page 1", "Page 1 as we read it"]
    assert shown.count(f"/{sheet.identifier}/full/") == 2  # thumbnail and preview
    assert shown.count(f"/{page.identifier}/full/") == 2


def test_internal_words_and_unfinished_notes_stay_inside(customer: Client, link: OrderLink) -> None:
    sent(link, status="in_review", customer_text="half a senten", internal_note="looks forged", reason_id="expired")

    page = text(customer.get(PAGE).content)

    for secret in ("half a senten", "looks forged", "has expired"):
        assert secret not in page


def test_partly_approved_shows_each_line(customer: Client, link: OrderLink) -> None:
    prescription = sent(link, status="partially_approved", valid_until="2099-01-31")
    lines = [("Telmisartan", "accepted", None), ("Metformin", "reduced", 30), ("Codeine", "refused", None)]
    for position, (name, decision, allowed) in enumerate(lines, 1):
        OrderLine.objects.create(
            prescription=prescription,
            position=position,
            name=name,
            quantity_ordered=60,
            quantity_allowed=allowed,
            decision=decision,
        )

    page = text(customer.get(PAGE).content)

    assert "Telmisartan Approved" in page
    assert "Metformin 30 of 60" in page
    assert "Codeine Not approved" in page
    assert "until 31 January 2099" in page


def test_a_question_is_answered_once(customer: Client, link: OrderLink) -> None:
    # given a pharmacist's question
    prescription = sent(link, status="clarification")
    ClarificationMessage.objects.create(
        review_id=prescription.pk,
        author="staff",
        text="Which strength?",
        page=1,
        expires_at=timezone.now() + timedelta(days=1),
    )
    page = customer.get(PAGE).content
    assert "Which strength?" in text(page)
    (question,) = re.findall(r'name="question" value="(\d+)"', page.decode())

    # when nothing, and then something, is answered, and sent again because its answer was lost
    def answer(said: str) -> int:
        form = {"action": f"answer:{prescription.pk}", "answer": said, "question": question}
        return customer.post(f"{PAGE}/status", form).status_code

    answers = [answer(said) for said in (" ", "40 mg", "40 mg", "80 mg")]

    # then it is back in the queue, with one answer
    assert answers == [422, 303, 303, 409]
    assert Review.objects.get(pk=prescription.pk).status == "queued"
    answers = ClarificationMessage.objects.filter(author="customer").values_list("text", flat=True)
    assert list(answers) == ["40 mg"]


def ask(rx: str) -> int:
    asked = ClarificationMessage.objects.create(
        review_id=rx, author="staff", text="Page 2?", expires_at=timezone.now() + timedelta(days=2)
    )
    return int(asked.pk)


def test_a_question_says_until_when_it_can_be_answered(customer: Client, link: OrderLink) -> None:
    asked = ask(sent(link, status="clarification").pk)
    until = timezone.localtime(ClarificationMessage.objects.get(pk=asked).expires_at)

    page = text(customer.get(PAGE).content)

    assert f"Please answer by {until:%-d %B %Y, %-I:%M %p}. Without an answer we cannot accept" in page


@pytest.mark.parametrize("said", ["It is this one.", ""])
def test_a_question_is_answered_with_a_photo(customer: Client, link: OrderLink, said: str) -> None:
    # given a question, and something else that was chosen and not sent
    before = sent(link, status="clarification")
    question = ask(before.pk)
    other = drafts.add(link, file("other.png", picture("red")))

    def answer(name: str, data: bytes, asked: int = question, words: str = said) -> HttpResponse:
        form = {"action": f"answer:{before.pk}", "answer": words, "question": asked, "photo": file(name, data)}
        return customer.post(f"{PAGE}/status", form)  # type: ignore[return-value]

    # when something that is no picture, too long a text, and an answer to another question come
    refused = [answer("x.bmp", b"BM" + b"0" * 99), answer("2.png", picture("teal"), words="x" * 1001)]
    refused.append(answer("2.png", picture("teal"), question + 1))

    # then nothing has changed
    assert [each.status_code for each in refused] == [415, 422, 409]
    assert "x.bmp is not a file we can read" in text(refused[0].content)
    assert Review.objects.get().status == "clarification"

    # when it is a photo, twice, for the answer was lost
    assert [answer("2.png", picture("teal")).status_code for _ in range(2)] == [303, 303]

    # then all pages, and the photo behind them, are in front of the pharmacist with what was said
    [after] = Prescription.objects.exclude(pk=before.pk)
    assert [document.name for document in after.documents.all()] == ["page.png", "2.png"]
    assert (after.patient_ref, after.review.supersedes, after.review.status) == ("P-1", before, "queued")
    assert Review.objects.get(pk=before.pk).status == "withdrawn"
    page = text(customer.get(PAGE).content)
    assert ("You sent another one in its place" in page, "You withdrew" in page) == (True, False)
    words = ClarificationMessage.objects.filter(review_id=after.pk).values_list("text", flat=True)
    assert list(words) == ([said] if said else [])
    assert drafts.files_of(link) == [other]


def test_it_can_be_taken_back_until_somebody_looks(customer: Client, link: OrderLink) -> None:
    prescription = sent(link)

    assert customer.post(f"{PAGE}/status", {"action": f"withdraw:{prescription.pk}"}).status_code == 303
    assert Review.objects.get(pk=prescription.pk).status == "withdrawn"
    Review.objects.filter(pk=prescription.pk).update(status="in_review")
    assert customer.post(f"{PAGE}/status", {"action": f"withdraw:{prescription.pk}"}).status_code == 409
    assert b"withdraw:" not in customer.get(PAGE).content


def test_another_orders_prescription_cannot_be_answered(customer: Client) -> None:
    foreign = sent(order_links.mint(order_ref="A-2", client="shop", expires_in=600))

    response = customer.post(f"{PAGE}/status", {"action": f"withdraw:{foreign.pk}"})

    assert response.status_code == 404
    assert Review.objects.get(pk=foreign.pk).status == "queued"


def test_polling_costs_304_until_something_changes(customer: Client, link: OrderLink) -> None:
    prescription = sent(link)
    first = customer.get(f"{PAGE}/status")

    same = customer.get(f"{PAGE}/status", headers={"If-None-Match": first.headers["etag"]})
    Review.objects.filter(pk=prescription.pk).update(status="approved", version=2)
    fresh = customer.get(f"{PAGE}/status", headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, same.status_code, same.content, fresh.status_code) == (200, 304, b"", 200)
    assert "Your prescription is approved" in text(fresh.content)
