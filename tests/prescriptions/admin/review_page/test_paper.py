"""The paper for the file: what stands on it, and that its code tells a genuine one from any other."""

import re
from typing import Any

import pytest
from django.utils import timezone

from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import AuditEvent, Document, OrderLine, Prescription, Review
from prescriptions.review import decisions
from prescriptions.review.desk import papers
from tests.prescriptions.reviewing import Staff, address, approval, claimed, signed_in, text_of
from tests.prescriptions.staff import Make


@pytest.fixture
def decided(make: Make, staff: Staff) -> Review:
    review = claimed(make, staff["pharmacist"], pages=2, lines=2, order_ref="ORD-77")
    lines = [
        {"line": 1, "decision": "reduced", "quantity_allowed": 10},
        {"line": 2, "decision": "refused", "reason": "item_not_on_prescription"},
    ]
    sent = approval(outcome="partially_approved", lines=lines, customer_text="The rest next month.")
    return decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=2)


def paper(review: Review, user: Any, **query: str) -> str:
    answer = signed_in(user).get(address(review, "paper"), query)
    assert answer.status_code == 200
    return text_of(answer)


def test_everything_is_on_it(decided: Review, staff: Staff) -> None:
    page = paper(decided, staff["senior"])

    for words in (
        *(f"RX-{decided.pk[:8]}", decided.pk, "ORD-77", "Partly approved", "pharmacist", "Dr A. Rao", "KMC 12345"),
        *("Less than ordered: 10", "Not accepted · Medicine not on the prescription", "The rest next month."),
        *("Version 3. Printed by senior", "page 1 of 2", "page 2 of 2", papers.code_of(decided)),
    ):
        assert words in page
    assert page.count("☑") == 5
    assert len(re.findall(rf'<img src="/iiif/3/[^"]+/{decided.pk}_\d/full/', page)) == 2
    assert AuditEvent.objects.filter(rx=decided.pk, verb="paper.opened", actor_name="senior").exists()


def test_who_sees_no_pages_has_none_on_paper(decided: Review, staff: Staff) -> None:
    page = paper(decided, staff["auditor"])

    assert "/iiif/" not in page
    assert papers.code_of(decided) in page
    assert signed_in(staff["ops"]).get(address(decided, "paper")).status_code == 403


def test_the_code_is_of_this_paper_alone(decided: Review, staff: Staff, make: Make) -> None:
    code = papers.code_of(decided)
    assert re.fullmatch("[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", code)
    assert "This code was printed for what stands below" in paper(
        decided, staff["senior"], code=f" {code.lower().replace('-', ' ')} "
    )
    for wrong in (papers.code_of(make()), code[:-1], "\x00", "%", "A" * 5000):
        assert "This code was not printed for what stands below." in paper(decided, staff["senior"], code=wrong)

    for change in (
        lambda: OrderLine.objects.filter(prescription=decided.pk, position=1).update(quantity_allowed=20),
        lambda: Document.objects.filter(prescription=decided.pk).update(sha256="0" * 64),
        lambda: Review.objects.filter(pk=decided.pk).update(prescriber="Dr Else"),
        lambda: Review.objects.filter(pk=decided.pk).update(reviewer=staff["senior"]),
        lambda: Prescription.objects.filter(pk=decided.pk).update(order_ref="ORD-78"),
        lambda: Prescription.objects.filter(pk=decided.pk).update(patient_ref="PT-78"),
        lambda: Prescription.objects.filter(pk=decided.pk).update(client="another"),
        lambda: Prescription.objects.filter(pk=decided.pk).update(created_at=timezone.now()),
    ):
        before = papers.code_of(Review.objects.get(pk=decided.pk))
        change()
        assert not papers.is_code_of(Review.objects.get(pk=decided.pk), before)


def test_a_paper_of_before_the_key_was_changed_is_genuine(decided: Review, settings: Any) -> None:
    settings.RX_AUDIT_KEYS = "a1:" + "11" * 32
    code = papers.code_of(decided)
    settings.RX_AUDIT_KEYS = "a2:" + "22" * 32 + ",a1:" + "11" * 32

    assert papers.code_of(decided) != code
    assert papers.is_code_of(decided, code)


def test_without_keys_there_is_no_code_for_anybody_could_make_it(decided: Review, staff: Staff, settings: Any) -> None:
    settings.RX_AUDIT_KEYS = ""

    page = paper(decided, staff["senior"], code="AAAA-AAAA-AAAA-AAAA")

    assert papers.code_of(decided) == ""
    assert not papers.is_code_of(decided, "")
    assert "page 1 of 2" in page
    assert "code" not in page.lower().split("<article", 1)[1].split("</article", 1)[0]
    assert 'name="code"' not in page
    assert 'role="status"' not in page
