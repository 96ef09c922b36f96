"""The auditor's desk: what is asked is answered in sentences, a page at a time, and nothing can be changed."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from prescriptions import audit
from prescriptions.accounts import trail
from prescriptions.admin.audit_desk.question import Question, QuestionForm
from prescriptions.admin.audit_desk.verbs import VERBS
from prescriptions.api import tokens
from prescriptions.audit import listings
from prescriptions.audit.actors import CUSTOMER, LINK, NOBODY, SYSTEM, Actor, ActorKind, staff
from prescriptions.models import AuditEvent
from prescriptions.review.rules import Action
from tests.databases import on_each_database
from tests.prescriptions.admin.audit_desk.conftest import LOG, told
from tests.prescriptions.staff import make_review, person

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 1, tzinfo=UTC)


def at(moment: datetime, rx: str, verb: str, *, actor: Actor = CUSTOMER, **data: Any) -> None:
    """An event of another day, as a database would have it; its signature is nobody's concern here."""
    seq = AuditEvent.objects.filter(rx=rx).count() + 1
    AuditEvent.objects.bulk_create(
        [AuditEvent(rx=rx, seq=seq, at=moment, actor=str(actor), actor_name=actor.name, verb=verb, data=data, hash="0")]
    )


def test_looks_are_told_in_sentences(auditor: Client) -> None:
    rx, rao = make_review().pk, staff(person("Dr Rao", "pharmacist"))
    audit.record(rx, audit.Verb.LINK_MINTED, actor=rao, data={"until": 7200})
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=rao, data={"page": 2})
    span = {"count": 14, "first": "2026-11-29T10:02:00+00:00", "last": "2026-11-29T10:58:00+00:00"}
    audit.record(rx, audit.Verb.PAGE_OPENED, actor=rao, data={"page": 2, **span})
    audit.record(rx, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 2, "until": 7200, **span})
    audit.record(rx, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 1, "until": 1, **span, "count": 1})
    refused = {"address": "192.0.2.7", "what": "link", **span, "last": span["first"]}
    audit.record(rx, audit.Verb.REFUSED, actor=NOBODY, data=refused)
    audit.record("edge-eu1", audit.Verb.EDGE_GAP, actor=SYSTEM, data={"why": "gone", "since": span["first"]})
    audit.record(rx, "something.new", actor=SYSTEM)

    page, given = f"RX-{rx[:8]}", "Somebody with a link that was given to Dr Rao"
    assert told(auditor.get(LOG)) == [
        f"The system: something.new, {page}",
        "An access log of the edge eu1 was lost: who looked by link since 29 Nov 2026, 10:02 is not known",
        f"Somebody at 192.0.2.7 was refused: a link that opens nothing, {page}, 14 times at 10:02",
        f"Somebody with a link was sent pictures of page 1 of {page}, at 10:02",
        f"{given} was sent pictures of page 2 of {page}, 14 times between 10:02 and 10:58",
        f"Dr Rao looked at page 2 of {page}, 14 more times between 10:02 and 10:58",
        f"Dr Rao looked at page 2 of {page}",
        f"Dr Rao was given a link to the pages of {page}",
        f"The customer sent {page}, pages: 1",
    ]


def test_a_list_is_found_by_each_prescription_that_was_on_it(auditor: Client) -> None:
    first, second = make_review(order_ref="ORD-1").pk, make_review(order_ref="ORD-2").pk
    till = Actor(ActorKind.CLIENT, "1" * 16, "Till 1")
    listings.record([first, second], actor=till, until=7200, asked={})
    listings.record([second], actor=till, until=8100, asked={})
    audit.record(first, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 1, "until": 7200})

    two, one = (f"Till 1 was given a list of prescriptions, with links to their pages: {n} of them" for n in (2, 1))
    sent = f"Somebody with a link that was given to Till 1 was sent pictures of page 1 of RX-{first[:8]}"
    for asked in (f"rx={first}", f"rx=RX-{first[:8]}", "order=ord-1", f"rx={first[:8]}&order=ORD-1"):
        assert told(auditor.get(f"{LOG}?{asked}"))[:2] == [sent, two], asked
    assert told(auditor.get(f"{LOG}?rx={second}&who={till}")) == [one, two]
    assert told(auditor.get(f"{LOG}?rx={first}&order=ORD-2")) == []
    assert told(auditor.get(f"{LOG}?verb=prescriptions.listed")) == [one, two]


def test_every_verb_has_words() -> None:
    reviewed = {f"review.{action}" for action in Action}

    assert set(VERBS) >= {*audit.Verb, *trail.Verb, *tokens.Verb, *reviewed}


def test_markup_in_a_name_is_text(auditor: Client) -> None:
    audit.record(make_review().pk, audit.Verb.REVIEW_VIEWED, actor=Actor(ActorKind.CLIENT, "1", "<b>{rx}</b>"))

    assert "&lt;b&gt;{rx}&lt;/b&gt; looked at" in auditor.get(LOG).content.decode()


@pytest.fixture
def week() -> tuple[str, str]:
    """Two prescriptions: what Asha, a program and the customer did on 1 and 2 June."""
    first = make_review(order_ref="ORD-1", client="s").pk
    second = make_review(order_ref="ORD-2", client="s").pk
    asha = staff(person("asha", "pharmacist"))
    token, _text = tokens.make(name="Till 1", client="s", scopes=["rx:read"])
    monday, tuesday = (datetime(2026, 6, day, 12, tzinfo=UTC) for day in (1, 2))
    at(monday, first, "review.viewed", actor=asha)
    at(monday, second, "access.refused", actor=Actor(ActorKind.CLIENT, token.pk, "Till 1"), what="original")
    at(tuesday, first, "order.viewed")
    at(tuesday, second, "review.viewed", actor=asha)
    return first, second


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("who=ASHA", ["asha 2", "asha 1"]),
        ("who=till 1", ["Till 1 2"]),
        ("who=customer&since=2026-06-01&until=2026-06-30", ["The customer 1"]),
        ("verb=access.refused", ["Till 1 2"]),
        ("since=2026-06-02&until=2026-06-02", ["asha 2", "The customer 1"]),
        ("since=2026-06-01&until=2026-06-01", ["Till 1 2", "asha 1"]),
        ("order=ord-1&since=2026-06-01&until=2026-06-30", ["The customer 1", "asha 1"]),
        ("rx={first}&who=asha", ["asha 1"]),
        ("rx=RX-{first:.8}&who=asha&verb=review.viewed", ["asha 1"]),
        ("who=asha&verb=review.viewed&since=2026-06-02&order=ORD-2", ["asha 2"]),
        ("who=asha&verb=erased", []),
    ],
)
def test_filters(auditor: Client, week: tuple[str, str], query: str, found: list[str]) -> None:
    first, second = week
    answer = auditor.get(f"{LOG}?{query.format(first=first)}")

    number = {first[:8]: "1", second[:8]: "2"}
    who = {
        sentence: next(name for name in ("asha", "Till 1", "The customer") if sentence.startswith(name))
        for sentence in told(answer)
    }
    of = [f"{who[one]} {number[rx]}" for one in told(answer) for rx in number if f"RX-{rx}" in one]
    assert (answer.status_code, of) == (200, found)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("who=nobody at all", "Nobody has this name."),
        ("rx=zzz", "four of them or more"),
        ("order=none", "No prescription came with this order."),
        ("since=2026-06-02&until=2026-06-01", "This is before the first day."),
        ("since=yesterday", "valid date"),
        ("verb=regex", "valid choice"),
        ("who=%00", "Null characters"),
        ("rx=%00", "Null characters"),
    ],
)
def test_a_question_that_makes_no_sense_says_why(auditor: Client, query: str, complaint: str) -> None:
    make_review()
    auditor.raise_request_exception = False

    answer = auditor.get(f"{LOG}?{query}")

    assert answer.status_code == 400
    assert complaint in answer.content.decode()
    assert told(answer) == []


@pytest.mark.parametrize(
    "query",
    [
        "q=%00", "p=99999", "at__year=99999", "rx__startswith=a", "before=x", "before=9-9",
        f"before={'9' * 16}-{'9' * 18}", "since=0001-01-01", "until=0001-01-01", "since=9999-12-31", "until=9999-12-31",
    ],
)  # fmt: skip
@on_each_database
def test_what_is_no_question_is_no_crash(auditor: Client, query: str) -> None:
    assert auditor.get(f"{LOG}?{query}").status_code == 200


def test_pages_follow_each_other_without_a_gap_whatever_is_written_meanwhile(auditor: Client) -> None:
    rx, when = "e" * 32, timezone.now() - timedelta(days=9)
    events = [
        AuditEvent(rx=rx, seq=n, at=when, actor="customer", verb="page.opened", data={"page": n}, hash="0")
        for n in range(1, 121)
    ]
    AuditEvent.objects.bulk_create(events)

    seen, address = [], f"{LOG}?verb=page.opened"
    while address:
        page = auditor.get(address)
        seen += [int(sentence.split("page ")[1].split(" of")[0]) for sentence in told(page)]
        at(timezone.now(), rx, "page.opened", page=999)
        older = re.search(r'href="([^"]+)" rel="next"', page.content.decode())
        address = LOG + unescape(older[1]) if older else ""

    assert seen == list(range(120, 0, -1))


def test_the_number_of_queries_does_not_grow(auditor: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            auditor.get(LOG)
        return len(captured)

    make_review()
    auditor.get(LOG)
    few = queries()
    for number in range(30):
        rx = make_review().pk
        audit.record(rx, audit.Verb.LINK_MINTED, actor=SYSTEM, data={"until": number})
        audit.record(rx, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 1, "until": number})

    assert queries() <= few + 1, "to whom links were given"


def test_a_chain_is_verified_when_it_is_shown(auditor: Client) -> None:
    rx = make_review().pk
    assert "Chain verified: yes." in auditor.get(f"{LOG}?rx={rx}").content.decode()

    at(timezone.now(), rx, "erased")

    content = auditor.get(f"{LOG}?rx={rx}").content.decode()
    assert "Chain verified: no" in content
    assert "changed</li>" in content


def test_a_look_at_the_desk_leaves_a_trace(auditor: Client) -> None:
    rx = make_review().pk
    auditor.get(f"{LOG}?rx={rx}")
    auditor.get(LOG)
    auditor.get(LOG)

    rows = AuditEvent.objects.filter(verb="audit.viewed").order_by("pk")
    assert [(row.rx[:5], row.actor_name) for row in rows] == [(rx[:5], "auditor"), ("user-", "auditor")]


def test_nothing_of_the_trail_can_be_changed_by_form(auditor: Client) -> None:
    make_review()
    event = AuditEvent.objects.get()
    address = reverse("admin:prescriptions_auditevent_change", args=[event.pk])

    page = auditor.get(address)

    assert page.status_code == 200
    assert event.hash in page.content.decode()
    assert auditor.post(address, {"verb": "x", "_save": "Save"}).status_code == 403
    auditor.post(LOG, {"action": "delete_selected", "_selected_action": event.pk, "post": "yes"})
    assert AuditEvent.objects.get(rx=event.rx).verb == "received"


def test_who_may_not_read_the_log_gets_nothing(auditor: Client) -> None:
    other = Client()
    other.force_login(person("pharmacist", "pharmacist"))

    assert other.get(LOG).status_code == 403
    assert other.post(f"{LOG}export/", {"format": "csv"}).status_code == 403
    assert AuditEvent.objects.filter(verb="audit.exported").count() == 0


@on_each_database
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "audit_newest"),
        ({"since": "2026-06-02", "until": "2026-06-03"}, "audit_newest"),
        ({"who": "staff:1"}, "audit_actor"),
        ({"verb": "page.opened"}, "audit_verb"),
        ({"who": "staff:1", "verb": "page.opened"}, "audit_actor_verb"),
    ],
)
def test_every_question_ends_in_an_index(asked: dict[str, str], index: str) -> None:
    many = [
        AuditEvent(rx=f"{n:032x}", seq=1, at=START, actor=f"staff:{n}", verb=f"other.{n}", hash="0")
        for n in range(2, 3_000)
    ]
    AuditEvent.objects.bulk_create(many)  # or PostgreSQL would take any index for so few
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE prescriptions_auditevent")
    form = QuestionForm({**asked, "before": "1780000000000000-9"})
    assert form.is_valid()
    with CaptureQueriesContext(connection) as captured:
        Question.of(form).page()
    [query] = captured.captured_queries
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(explain + query["sql"])
        plan = "\n".join(str(row) for row in cursor.fetchall())

    assert f"{index} " in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
