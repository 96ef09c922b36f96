"""An order by REST: there before anything is uploaded, changed until somebody has decided, told with all of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from prescriptions.audit import actors
from prescriptions.models import Client as RestClient
from prescriptions.models import Order, OrderLine, Prescription, Review, ReviewStatus
from prescriptions.review import decisions, queue
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.reviewing import Staff, approval, claimed
from tests.prescriptions.staff import Clock, Make

pytestmark = pytest.mark.django_db
Bearer = Callable[..., dict[str, str]]
ADDRESS, JSON = "/api/v1/orders/A-1", "application/json"
LINES = [
    {"line": 1, "line_ref": "A-1-1", "name": "Telma", "strength": "40 mg", "schedule": "H", "quantity_ordered": 30},
    {"line": 2, "line_ref": "", "name": "Specimol", "strength": "", "schedule": "otc", "quantity_ordered": 15},
]
SENT = [{key: value for key, value in line.items() if key != "line" and value} for line in LINES]


class Shop:
    """A shop's server with its token."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.http = Client(headers=headers)

    def put(self, body: Any, address: str = ADDRESS) -> Any:
        return self.http.put(address, json.dumps(body), content_type=JSON)

    def get(self, address: str = ADDRESS, **headers: str) -> Any:
        return self.http.get(address, headers=headers)


@pytest.fixture
def shop(bearer: Bearer) -> Shop:
    RestClient.objects.create(name="shop", origins=["https://shop.example", "http://localhost:3000"])
    return Shop(bearer("orders:write", "rx:read", "rx:write"))


def test_an_order_is_written_before_anything_is_uploaded_and_what_comes_later_has_it(shop: Shop, make: Make) -> None:
    made = shop.put(
        {
            "lines": SENT,
            "patient_ref": "P-1",
            "language": "hi",
            "return_url": "https://shop.example/orders/A-1?step=3",
            "promised_by": "2031-12-01T18:00:00+05:30",
        }
    )
    review = make(order_ref="A-1")

    order = shop.get().json()
    assert (made.status_code, made.json()) == (201, {key: order[key] for key in order if key != "prescriptions"})
    assert {key: order[key] for key in ("order_ref", "lines", "patient_ref", "language", "promised_by")} == {
        "order_ref": "A-1",
        "lines": LINES,
        "patient_ref": "P-1",
        "language": "hi",
        "promised_by": "2031-12-01T12:30:00Z",
    }
    assert order["return_url"] == "https://shop.example/orders/A-1?step=3"
    [one] = order["prescriptions"]
    assert (one["id"], one["status"], one["patient_ref"]) == (review.pk, "queued", "P-1")
    undecided = {"quantity_allowed": None, "decision": "pending", "reason": None}
    assert one["lines"] == [line | undecided for line in LINES]
    assert review.due_at is not None
    assert review.due_at.isoformat() == "2031-12-01T12:30:00+00:00"


def test_what_is_left_out_stays_and_what_is_sent_takes_its_place(shop: Shop) -> None:
    shop.put({"lines": SENT, "language": "hi"})

    again = shop.put({"lines": SENT[:1], "return_url": "https://shop.example/"})
    emptied = shop.put({"return_url": "", "promised_by": None, "lines": []})

    assert (again.status_code, len(again.json()["lines"]), again.json()["language"]) == (200, 1, "hi")
    assert (emptied.json()["return_url"], emptied.json()["lines"]) == ("", [])


def test_lines_have_their_own_numbers_or_are_counted(shop: Shop) -> None:
    line = {"name": "A", "quantity_ordered": 1}

    own = shop.put({"lines": [{**line, "line": 20}, {**line, "line": 10}]}).json()["lines"]
    counted = shop.put({"lines": [line, line]}).json()["lines"]

    assert [row["line"] for row in own] == [10, 20]
    assert [row["line"] for row in counted] == [1, 2]


LINE = {"name": "A", "quantity_ordered": 1}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"line": []}, ["/line"]),
        ({"lines": [{**LINE, "price": 5}]}, ["/lines/0/price"]),
        ({"lines": [{**LINE, "line": 1}, {**LINE, "line": 1}]}, ["/lines/1/line"]),
        ({"lines": [{**LINE, "line": 1}, LINE]}, ["/lines"]),
        ({"lines": [{**LINE, "line": 0}]}, ["/lines/0/line"]),
        ({"lines": [{**LINE, "line": 10_000}]}, ["/lines/0/line"]),
        ({"lines": [{"name": "A", "quantity_ordered": 0}, {}]}, None),
        ({"lines": [{"name": "\u200b", "quantity_ordered": 1}]}, ["/lines/0/name"]),
        ({"lines": [LINE] * 51}, ["/lines"]),
        ({"lines": [[]]}, ["/lines/0"]),
        ({"lines": {}}, ["/lines"]),
        ({"lines": None}, ["/lines"]),
        ({"lines": [{**LINE, "schedule": "Z"}]}, ["/lines/0/schedule"]),
        ({"return_url": "http://shop.example/"}, ["/return_url"]),
        ({"return_url": "http://localhost:3000/"}, ["/return_url"]),
        ({"return_url": "https://shop.example.evil.example/"}, ["/return_url"]),
        ({"return_url": "https://shop.example@evil.example/"}, ["/return_url"]),
        ({"return_url": "https://evil.example\\@shop.example/"}, ["/return_url"]),
        ({"return_url": "https://shop.example:8443/"}, ["/return_url"]),
        ({"return_url": "https://shop.example/" + "x" * 500}, ["/return_url"]),
        ({"return_url": "javascript:alert(1)"}, ["/return_url"]),
        ({"language": "klingon"}, ["/language"]),
        ({"patient_ref": "a b"}, ["/patient_ref"]),
        ({"promised_by": "2026-12-01T18:00:00"}, ["/promised_by"]),
        ({"promised_by": "tomorrow"}, ["/promised_by"]),
        ({"promised_by": "0001-01-01T00:00:00+14:00"}, ["/promised_by"]),
        ({"promised_by": 5}, ["/promised_by"]),
        ([], [""]),
        ("x", [""]),
    ],
    ids=repr,
)
def test_what_is_wrong_is_named_and_nothing_is_written(shop: Shop, body: Any, pointers: Any) -> None:
    shop.put({"lines": SENT})

    problem = assert_problem(shop.put(body), 400, "invalid")

    found = [error["pointer"] for error in problem["errors"]]
    assert sorted(found) == (pointers or ["/lines/0/quantity_ordered", "/lines/1/name", "/lines/1/quantity_ordered"])
    assert not any("ErrorDetail" in error["detail"] or "{" in error["detail"] for error in problem["errors"])
    assert Order.objects.get().lines == LINES


def test_another_clients_order_is_not_there_and_has_the_same_name(shop: Shop, bearer: Bearer, make: Make) -> None:
    shop.put({"lines": SENT})
    rival = Shop(bearer("orders:write", "rx:read", client="rival"))

    assert_problem(rival.get(), 404, "not-found")
    assert_problem(rival.put({"return_url": "https://shop.example/"}), 400, "invalid")
    assert rival.put({"lines": []}).status_code == 201
    assert shop.get().json()["lines"] == LINES
    make(order_ref="A-1", client="rival")
    assert shop.get().json()["prescriptions"] == []
    assert_problem(shop.put({}, "/api/v1/orders/-x"), 404, "not-found")
    assert_problem(shop.get("/api/v1/orders/A-2"), 404, "not-found")
    assert_problem(shop.get("/api/v1/orders/A%00"), 404, "not-found")


def test_whoever_may_not_see_may_write_and_the_other_way_round(bearer: Bearer) -> None:
    writer, reader = Shop(bearer("orders:write")), Shop(bearer("rx:read"))

    assert writer.put({"lines": SENT}).status_code == 201
    assert_problem(writer.get(), 403)
    assert_problem(reader.put({}), 403)
    assert reader.get().status_code == 200


def test_lines_that_come_while_it_is_open_are_seen_before_it_is_decided(
    shop: Shop, make: Make, staff: Staff, settings: Any
) -> None:
    """Sent by link, claimed at once, and only then the shop says what was ordered."""
    review = claimed(make, staff["pharmacist"], order_ref="A-1")
    person = actors.staff(staff["pharmacist"])

    assert shop.put({"lines": SENT, "patient_ref": "P-1"}).status_code == 200
    with pytest.raises(Exception, match="What was ordered has changed") as refused:
        decisions.decide(review.pk, approval(), actor=person, version=review.version)
    decided = decisions.decide(review.pk, approval(), actor=person, version=review.version + 1)

    assert [error["detail"] for error in refused.value.errors] == [  # type: ignore[attr-defined]
        "Line 1 is new: Telma 40 mg × 30 (H).",
        "Line 2 is new: Specimol × 15.",
    ]
    assert decided.prescription.patient_ref == "P-1"
    assert [line.decision for line in OrderLine.objects.filter(prescription=review.pk)] == ["accepted"] * 2


def test_it_stands_when_it_is_decided_until_another_prescription_is_sent(
    shop: Shop, make: Make, staff: Staff, settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    shop.put({"lines": SENT})
    review = claimed(make, staff["pharmacist"], order_ref="A-1")
    sent = approval(outcome="rejected", reason="image_blurry")
    decisions.decide(review.pk, sent, actor=actors.staff(staff["pharmacist"]), version=review.version)

    early = shop.put({"lines": []})
    clock.forward(seconds=9)
    late = shop.put({"lines": []})

    assert "decided" not in str(assert_problem(early, 409, "order-decided")["detail"]), "it may still be undone"
    assert early["Retry-After"] == "8"
    assert_problem(late, 409, "order-decided")
    assert "Retry-After" not in late
    again = make(order_ref="A-1")
    assert shop.put({"lines": SENT[:1]}).status_code == 200
    told = {row["id"]: row for row in shop.get().json()["prescriptions"]}
    assert [line["name"] for line in told[again.pk]["lines"]] == ["Telma"]
    assert [line["decision"] for line in told[review.pk]["lines"]] == ["refused", "refused"], "its own copy"


def test_an_order_can_be_polled(shop: Shop, make: Make) -> None:
    shop.put({"lines": SENT})
    make(order_ref="A-1")
    first = shop.get()

    unchanged = shop.get(**{"If-None-Match": first["ETag"]})
    queue.waiting().update(status=ReviewStatus.IN_REVIEW)

    assert unchanged.status_code == 304
    assert shop.get(**{"If-None-Match": first["ETag"]}).status_code == 200


def test_the_alias_writes_the_orders_lines(shop: Shop, make: Make) -> None:
    review, other, alone = make(order_ref="A-1"), make(order_ref="A-1"), make()

    for one in (review, alone):
        assert shop.put(SENT, f"/api/v1/prescriptions/{one.pk}/order-lines").status_code == 200

    order = shop.get().json()
    assert order["lines"] == LINES
    assert [len(row["lines"]) for row in order["prescriptions"]] == [2, 2]
    assert OrderLine.objects.filter(prescription__in=[other.pk, alone.pk]).count() == 4
    assert Order.objects.count() == 1


def test_an_order_of_a_release_before_is_told_as_well(shop: Shop, make: Make) -> None:
    review = make(order_ref="A-1")
    Order.objects.all().delete()

    assert [row["id"] for row in shop.get().json()["prescriptions"]] == [review.pk]
    assert Review.objects.count() == Prescription.objects.count() == 1
