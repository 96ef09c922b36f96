"""`manage.py rxlisten`: lines that a developer can read, and a receiver that can verify."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from prescriptions.events import outbox
from prescriptions.events.sending import sender
from prescriptions.infra import per_process
from prescriptions.models import Event, EventType
from tests.receiver import receiving

pytestmark = pytest.mark.django_db


def listen(*arguments: str) -> tuple[list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("rxlisten", "--once", *arguments, stdout=out, stderr=err)
    return [json.loads(line)["id"] for line in out.getvalue().splitlines()], err.getvalue()


def test_it_prints_what_was_asked_for_and_sends_it_on_signed(settings: Settings) -> None:
    settings.RX_WEBHOOK_ALLOW_PRIVATE = True
    first = outbox.write(EventType.RECEIVED, client="shop", rx="a" * 32)
    outbox.write(EventType.RECEIVED, client="rival", rx="b" * 32)
    last = outbox.write(EventType.APPROVED, client="shop", rx="a" * 32)

    assert listen()[0] == []  # what comes from now on
    assert listen("--after", "0", "--client", "shop")[0] == [first.uid, last.uid]
    assert listen("--after", "0", "--types", "prescription.approved")[0] == [last.uid]
    position = Event.objects.get(uid=first.uid).position
    with receiving() as receiver, per_process.anew():
        receiver.secrets.append("whsec_" + "A" * 44)
        ids, said = listen("--after", str(position), "--client", "shop", "--forward-to", receiver.url)
        sender.sender().close()

    assert ids == [last.uid]
    (got,) = receiver.got
    secret = said.split()[2]
    receiver.secrets[:] = [secret]
    receiver.take(got.headers, got.body)
    assert (got.event["id"], receiver.got[-1].signed_by) == (last.uid, (0,))
    assert f"{last.uid}: 200 in" in said


def test_it_says_what_it_does_not_know() -> None:
    with pytest.raises(CommandError, match="No such type: x"):
        listen("--types", "x")
    with pytest.raises(CommandError, match="--forward-to: It must begin with https"):
        listen("--forward-to", "http://127.0.0.1/")
