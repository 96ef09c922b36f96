"""Holds, erasures of a patient or an order, four eyes and exports, as programs see them. On both databases."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.audit import actors, listings
from prescriptions.models import (
    AuditEvent,
    Draft,
    ErasureRequest,
    IdempotencyKey,
    Prescription,
    Replay,
    Review,
    ReviewStatus,
)
from prescriptions.upkeep import erasure, four_eyes, together
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload, assert_problem, file, objects, picture

pytestmark = [on_each_database, pytest.mark.django_db]
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def call(http: Client, bearer: Bearer) -> Callable[..., Any]:
    """One call with a token of these scopes; a POST with an Idempotency-Key, if one is given."""

    def send(method: str, path: str, body: Any = None, *scopes: str, client: str = "shop", key: str = "") -> Any:
        headers = bearer(*scopes, client=client) | ({"Idempotency-Key": key} if key else {})
        content = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        return http.generic(method, f"/api/v1/{path}", headers=headers, **content)

    return send


def person(name: str, *scopes: str) -> dict[str, str]:
    """The headers of a token that acts in this person's name."""
    user, _ = User.objects.get_or_create(username=name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("delete_prescription", "override_retention")))
    _, text = tokens.make(name=name, client="shop", scopes=list(scopes or ("rx:erase",)), user=user)
    return {"Authorization": f"Bearer {text}"}


def verbs(rx: str) -> list[str]:
    return list(AuditEvent.objects.filter(rx=rx).exclude(verb="received").values_list("verb", flat=True))


# --- Holds ------------------------------------------------------------------------------------------------------------
def test_a_hold_is_set_told_and_lifted(call: Any, upload: Upload) -> None:
    rx = upload().pk
    hold = {"reason": "litigation", "reference": "CS-2026-114"}

    set_ = call("PUT", f"prescriptions/{rx}/hold", hold, "rx:hold")
    again = call("PUT", f"prescriptions/{rx}/hold", hold, "rx:hold")

    assert (set_.status_code, set_.json()["legal_hold"] | hold) == (200, set_.json()["legal_hold"])
    assert (set_.json()["rule"], again.json()) == ("open", set_.json())
    refused = assert_problem(call("DELETE", f"prescriptions/{rx}", None, "rx:erase"), 409, "kept")
    assert "a court case or a legal claim, CS-2026-114" in refused["detail"]
    forced = call("DELETE", f"prescriptions/{rx}?override=ordered", None, "rx:erase", "rx:override")
    assert_problem(forced, 409, "kept")
    assert Prescription.objects.get(pk=rx).erased_at is None

    assert call("DELETE", f"prescriptions/{rx}/hold", None, "rx:hold").status_code == 204
    assert call("DELETE", f"prescriptions/{rx}/hold", None, "rx:hold").status_code == 204
    assert call("GET", f"prescriptions/{rx}/hold", None, "rx:read").json()["legal_hold"] is None
    assert call("DELETE", f"prescriptions/{rx}", None, "rx:erase").status_code == 204
    assert [verb for verb in verbs(rx) if verb.startswith("hold")] == ["hold.set", "hold.lifted"]
    assert AuditEvent.objects.get(rx=rx, verb="hold.set").data == hold


@pytest.mark.parametrize(
    ("body", "scopes", "client", "status"),
    [
        ({"reason": "because"}, ("rx:hold",), "shop", 400),
        ({"reason": "litigation", "reference": "Jane Doe"}, ("rx:hold",), "shop", 400),
        ({"reason": "litigation"}, ("rx:erase", "rx:write"), "shop", 403),
        ({"reason": "litigation"}, ("rx:hold",), "else", 404),
    ],
)
def test_a_hold_is_refused(call: Any, upload: Upload, body: Any, scopes: Any, client: str, status: int) -> None:
    rx = upload().pk

    assert_problem(call("PUT", f"prescriptions/{rx}/hold", body, *scopes, client=client), status)
    assert Prescription.objects.get(pk=rx).legal_hold == ""
    assert "hold.set" not in verbs(rx)


# --- Retention --------------------------------------------------------------------------------------------------------
def test_an_override_needs_its_scope_and_is_told(call: Any, upload: Upload) -> None:
    rx = upload().pk
    Review.objects.filter(pk=rx).update(status=ReviewStatus.APPROVED)
    path = f"prescriptions/{rx}?override=wrong-upload&reference=T-1"

    assert_problem(call("DELETE", f"prescriptions/{rx}", None, "rx:erase", "rx:override"), 409, "kept")
    assert_problem(call("DELETE", path, None, "rx:erase"), 403, "permission-denied")
    assert_problem(call("DELETE", f"prescriptions/{rx}?override=please", None, "rx:erase", "rx:override"), 400)
    assert Prescription.objects.get(pk=rx).erased_at is None

    assert call("DELETE", path, None, "rx:erase", "rx:override").status_code == 204
    assert AuditEvent.objects.get(rx=rx, verb="erased").data["override"] == "wrong-upload"


# --- Of a patient, of an order ----------------------------------------------------------------------------------------
def test_all_of_a_patient_are_erased_and_nobody_elses(call: Any, upload: Upload, servers: Stack) -> None:
    mine = [upload(patient_ref="P-1", order_ref=f"O-{n}").pk for n in range(3)]
    others = [upload(patient_ref="P-2").pk, upload(patient_ref="P-1", client="else").pk]
    Prescription.objects.filter(pk=mine[1]).update(legal_hold="complaint")
    IdempotencyKey.objects.create(client="shop", key="K", fingerprint="f", prescription_id=mine[0])
    Review.objects.filter(pk=others[0]).update(
        is_duplicate=True, lookalikes=[{"page": 1, "rx": mine[0], "number": 1, "distance": 3}]
    )

    answer = call("POST", "erasures", {"patient_ref": "P-1"}, "rx:erase")

    found = {outcome["rx"]: outcome["status"] for outcome in answer.json()["results"]}
    assert (answer.status_code, answer.json()["left"]) == (200, 0)
    assert found == {mine[0]: "erased", mine[1]: "kept", mine[2]: "erased"}
    assert not IdempotencyKey.objects.exists()
    assert list(Review.objects.filter(pk=others[0]).values_list("lookalikes", "is_duplicate")) == [([], False)]
    assert [objects(servers, prefix=rx) == [] for rx in (*mine, *others)] == [True, False, True, False, False]


def test_no_kept_answer_tells_of_who_was_erased(call: Any, upload: Upload, settings: Settings) -> None:
    settings.RX_AUDIT_KEYS = f"a1:{'1' * 64}"
    upload(patient_ref="P-1", order_ref="O-1")
    for key, sent in (
        ("patient", {"order_ref": "O-9", "patient_ref": "P-1"}),
        ("order", {"order_ref": "O-1"}),
        ("else", {"order_ref": "O-9", "patient_ref": "P-2"}),
    ):
        assert call("POST", "order-links", {**sent, "expires_in": 600}, "orders:write", key=key).status_code == 201

    # when the keys are changed meanwhile, and the patient is erased, twice
    settings.RX_AUDIT_KEYS = f"a2:{'2' * 64},{settings.RX_AUDIT_KEYS}"
    erased = [call("POST", "erasures", {"patient_ref": "P-1"}, "rx:erase", key="erase") for _ in range(2)]

    # then only what is others' is kept, and the answer of the erasure, by what nobody can guess a reference from
    assert [(answer.status_code, answer.headers.get("Idempotency-Replayed")) for answer in erased] == [
        (200, None),
        (200, "true"),
    ]
    assert set(Replay.objects.exclude(scope__startswith="upload:").values_list("key", flat=True)) == {"else", "erase"}
    sent = json.dumps(["/api/v1/erasures", False, {"patient_ref": "P-1"}], sort_keys=True)
    assert Replay.objects.get(key="erase").fingerprint != hashlib.sha256(sent.encode()).hexdigest()
    assert "P-1" not in json.dumps(list(Replay.objects.values()), default=str)


def test_more_than_fit_are_left_for_the_next_time(call: Any, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "AT_ONCE", 2)
    for _ in range(3):
        upload(patient_ref="P-1")

    answers = [call("POST", "erasures", {"patient_ref": "P-1"}, "rx:erase") for _ in range(3)]

    assert [(answer.status_code, len(answer.json().get("results", ()))) for answer in answers] == [
        (200, 2),
        (200, 1),
        (404, 0),
    ]
    assert [answer.json().get("left") for answer in answers[:2]] == [1, 0]


def test_an_orders_unsent_files_go_too(call: Any, upload: Upload) -> None:
    upload(order_ref="O-1")
    Draft.objects.create(client="shop", order_ref="O-1")
    Draft.objects.create(client="else", order_ref="O-1")

    assert call("POST", "erasures", {"order_ref": "O-1"}, "rx:erase").status_code == 200
    assert list(Draft.objects.values_list("client", flat=True)) == ["else"]
    assert Prescription.objects.filter(client="shop").exclude(erased_at=None).count() == 2


@pytest.mark.parametrize("path", ["erasures", "exports"])
def test_a_reference_is_one_persons(call: Any, upload: Upload, path: str) -> None:
    """Another client's is as if it were not there; who sees both has to say whose."""
    upload(patient_ref="P-1", client="a")
    upload(patient_ref="P-1", client="b")
    scopes = ("rx:erase", "rx:export")

    assert_problem(call("POST", path, {"patient_ref": "P-1"}, *scopes, client="c"), 404, "not-found")
    assert_problem(call("POST", path, {"patient_ref": "P-1", "client": "a"}, *scopes, client="c"), 404, "not-found")
    both = assert_problem(call("POST", path, {"patient_ref": "P-1"}, *scopes, "rx:all"), 400)
    assert (both["errors"][0]["pointer"], "a, b" in both["errors"][0]["detail"]) == ("/client", True)
    for body in ({}, {"patient_ref": "P-1", "order_ref": "O-1"}, {"patient_ref": "a b"}):
        assert_problem(call("POST", path, body, *scopes, client="a"), 400, "invalid")
    assert_problem(call("POST", path, {"patient_ref": "P-1"}, "rx:read", client="a"), 403)
    assert not Prescription.objects.exclude(erased_at=None).exists()


# --- Four eyes --------------------------------------------------------------------------------------------------------
def test_with_four_eyes_one_asks_and_another_person_erases(
    http: Client, upload: Upload, bearer: Bearer, settings: Settings, servers: Stack
) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    rx = upload().pk
    path, ann, bob = f"/api/v1/prescriptions/{rx}", person("ann"), person("bob")

    asked = http.delete(path, headers=ann)
    repeated = http.delete(path, headers=ann)
    by_a_program = http.delete(path, headers=bearer("rx:erase"))

    assert [answer.status_code for answer in (asked, repeated, by_a_program)] == [202] * 3
    assert asked.json() == repeated.json() == http.get(f"{path}/erasure", headers=ann).json()
    assert objects(servers, prefix=rx) != []
    assert Prescription.objects.get(pk=rx).links_cut_at is None

    assert http.delete(path, headers=bob).status_code == 204
    assert verbs(rx)[0] == "erasure.asked"
    event = AuditEvent.objects.get(rx=rx, verb="erased")
    assert (event.actor_name, event.data["asked_by"]) == ("bob", asked.json()["asked_by"])
    assert not ErasureRequest.objects.exists()


@pytest.mark.parametrize("bound", [False, True], ids=["a program's", "in bob's name"])
def test_nobody_is_both_people_by_a_token_of_their_own_making(
    bound: bool, http: Client, upload: Upload, settings: Settings, servers: Stack
) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    headers = {name: person(name) for name in ("ann", "bob", "cid")}
    ann, bob = (User.objects.get(username=name) for name in ("ann", "bob"))
    _, text = tokens.make(
        name="t", client="shop", scopes=["rx:erase"], user=bob if bound else None, by=actors.staff(ann)
    )
    asks = f"/api/v1/prescriptions/{upload().pk}"
    agrees = f"/api/v1/prescriptions/{upload().pk}"

    assert http.delete(asks, headers={"Authorization": f"Bearer {text}"}).status_code == 202
    assert http.delete(asks, headers=headers["ann"]).status_code == 202
    assert http.delete(asks, headers=headers["cid"]).status_code == 204
    assert http.delete(agrees, headers=headers["ann"]).status_code == 202
    assert http.delete(agrees, headers={"Authorization": f"Bearer {text}"}).status_code == 202
    assert http.delete(agrees, headers=headers["cid"]).status_code == 204


def test_who_does_not_work_here_any_more_agrees_to_nothing(http: Client, upload: Upload, settings: Settings) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    path, ann, bob = f"/api/v1/prescriptions/{upload().pk}", person("ann"), person("bob")
    User.objects.filter(username="bob").update(is_active=False)

    assert http.delete(path, headers=ann).status_code == 202
    assert http.delete(path, headers=bob).status_code != 204
    assert Prescription.objects.get().erased_at is None


def test_what_was_asked_for_can_be_dropped_and_runs_out(
    http: Client, upload: Upload, settings: Settings, clock: Any
) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    rx = upload().pk
    path, ann, bob = f"/api/v1/prescriptions/{rx}", person("ann"), person("bob")

    http.delete(path, headers=ann)
    assert http.delete(f"{path}/erasure", headers=bob).status_code == 204
    assert http.delete(path, headers=bob).status_code == 202, "bob asks now"
    clock.forward(seconds=settings.RX_ERASURE_CONFIRM_WITHIN + 1)
    assert http.delete(path, headers=ann).status_code == 202, "too late to agree: ann asks"
    clock.forward(seconds=settings.RX_ERASURE_CONFIRM_WITHIN + 1)
    assert four_eyes.expire() == 1

    assert Prescription.objects.get(pk=rx).erased_at is None
    assert verbs(rx) == ["erasure.asked", "erasure.dropped", "erasure.asked", "erasure.asked", "erasure.dropped"]


def test_an_override_needs_two_who_may(http: Client, upload: Upload, settings: Settings) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    rx = upload().pk
    Review.objects.filter(pk=rx).update(status=ReviewStatus.APPROVED)
    path, bob = f"/api/v1/prescriptions/{rx}", person("bob")
    asked = http.delete(f"{path}?override=ordered&reference=F-1", headers=person("ann", "rx:erase", "rx:override"))
    User.objects.get(username="bob").user_permissions.remove(Permission.objects.get(codename="override_retention"))

    assert asked.status_code == 202
    assert_problem(http.delete(path, headers=bob), 403, "forbidden")
    assert Prescription.objects.get(pk=rx).erased_at is None

    assert http.delete(path, headers=person("cid")).status_code == 204
    event = AuditEvent.objects.get(rx=rx, verb="erased")
    assert (event.data["override"], event.data["reference"]) == ("ordered", "F-1")


def test_a_command_asks_too(upload: Upload, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    rx = upload().pk

    call_command("erase", rx)
    call_command("erase", rx)

    assert capsys.readouterr().out.count("a person with the permission has to agree") == 2
    assert Prescription.objects.get(pk=rx).erased_at is None


# --- Proof ------------------------------------------------------------------------------------------------------------
def test_the_proof_says_what_was_proved_and_nothing_more(call: Any, upload: Upload, settings: Settings) -> None:
    prescription = upload()
    path = f"prescriptions/{prescription.pk}/erasure"
    assert_problem(call("GET", path, None, "rx:erase"), 404)
    erasure.erase(prescription)

    told = call("GET", path, None, "rx:erase").json()

    assert [told[name] for name in ("objects", "edges", "store")] == [None, None, None]
    assert (told["rows"], told["audit_whole"], told["ledger"] is not None) == (True, True, True)
    erased = Prescription.objects.get().erased_at
    assert erased
    assert told["backups"] == (erased + erasure.timedelta(days=settings.RX_BACKUP_DAYS)).date().isoformat()
    assert_problem(call("GET", path, None, "rx:erase", client="else"), 404)
    settings.RX_STORE_COMPACT_URL = "http://127.0.0.1:1"
    assert call("GET", path, None, "rx:erase").json()["store"] is False


# --- Exports ----------------------------------------------------------------------------------------------------------
def test_an_export_has_the_files_the_data_and_the_audit_log(call: Any, upload: Upload) -> None:
    sent = picture()
    rx = upload(file("../../Söme náme\r\n.jpg", sent), file("b.jpg"), patient_ref="P-1").pk
    other = upload(patient_ref="P-2").pk
    listings.record([rx, other], actor=actors.CUSTOMER, until=7200, asked={})

    answer = call("POST", "exports", {"patient_ref": "P-1"}, "rx:export")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert (answer.headers["Cache-Control"], answer.streaming) == ("no-store", True)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"{rx}/data.json",
            f"{rx}/audit.json",
            f"{rx}/originals/01.jpg",
            f"{rx}/originals/02.jpg",
        ]
        assert archive.read(f"{rx}/originals/01.jpg") == sent
        data, events = (json.loads(archive.read(f"{rx}/{name}.json")) for name in ("data", "audit"))
    assert (data["patient_ref"], data["review"]["status"], len(data["pages"])) == ("P-1", "queued", 2)
    assert [row["position"] for row in data["documents"]] == [1, 2]
    assert [event["verb"] for event in events] == ["received", "exported", "prescriptions.listed"]
    assert {name: events[2]["data"][name] for name in ("until", "asked", "count")} == {
        "until": 7200,
        "asked": {},
        "count": 2,
    }
    assert other not in json.dumps(events), "what else was on the list is others' own"
    assert AuditEvent.objects.get(rx=rx, verb="exported").data == {"by": "patient_ref", "prescriptions": 1}


def test_an_original_that_is_missing_is_said_and_the_rest_is_there(call: Any, upload: Upload, servers: Stack) -> None:
    rx = upload(order_ref="O-1").pk
    document = Prescription.objects.get(pk=rx).documents.get()
    erasure.storage.delete_everything("rx-originals", f"{rx}/{document.pk}")

    answer = call("POST", "exports", {"order_ref": "O-1"}, "rx:export")

    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.namelist()[-1] == f"{rx}/originals/01-missing.txt"


def test_commands_export_and_erase_by_reference(upload: Upload, tmp_path: Any) -> None:
    rx, target = upload(patient_ref="P-1").pk, tmp_path / "out.zip"

    with pytest.raises(CommandError, match="nothing at this address"):
        call_command("rxexport", "--patient", "P-9", target)
    call_command("rxexport", "--patient", "P-1", "--client", "shop", target)
    with pytest.raises(CommandError, match="exists"):
        call_command("rxexport", "--patient", "P-1", target)
    call_command("erase", "--patient", "P-1")

    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        assert f"{rx}/data.json" in archive.namelist()
    assert Prescription.objects.get(pk=rx).erased_at is not None
    with pytest.raises(CommandError, match="Name prescriptions"):
        call_command("erase", rx, "--patient", "P-1")
