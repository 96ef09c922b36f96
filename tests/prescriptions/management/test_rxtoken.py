"""`manage.py rxtoken`: the text is shown once; only its hash is kept."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from prescriptions.models import ApiToken

pytestmark = pytest.mark.django_db


def rxtoken(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rxtoken", *arguments, stdout=out)
    return out.getvalue()


def status(text: str) -> int:
    return Client().get("/api/v1/prescriptions", headers={"Authorization": f"Bearer {text.strip()}"}).status_code


def test_a_new_token_works_and_is_shown_once() -> None:
    text = rxtoken("create", "--name", "shop")

    token = ApiToken.objects.get()
    assert text.startswith(f"rxk_{token.id}_")
    assert text.count("\n") == 1
    assert (token.client, token.scopes) == ("shop", ["rx:read", "rx:write"])
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=365)) < timedelta(minutes=1)
    assert status(text) == 200
    assert text.strip().removeprefix(f"rxk_{token.id}_") not in rxtoken("list")


def test_options() -> None:
    rxtoken("create", "--name", "Till 3", "--client", "shop", "--scopes", " rx:read , rx:all ", "--days", "7")

    token = ApiToken.objects.get()
    assert (token.name, token.client, token.scopes) == ("Till 3", "shop", ["rx:read", "rx:all"])
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)


def test_a_token_without_end_is_asked_for_by_name() -> None:
    rxtoken("create", "--name", "shop", "--without-end")

    assert ApiToken.objects.get().expires_at is None
    assert "without end" in rxtoken("list")


def test_rotated_both_are_good_for_the_overlap() -> None:
    first = rxtoken("create", "--name", "shop", "--scopes", "rx:read,orders:write")
    old = ApiToken.objects.get()

    second = rxtoken("rotate", old.id, "--overlap", "2", "--days", "9")

    assert (status(first), status(second)) == (200, 200)
    new = ApiToken.objects.exclude(pk=old.pk).get()
    old.refresh_from_db()
    assert (new.name, new.client, new.scopes) == (old.name, old.client, old.scopes)
    assert old.expires_at is not None
    assert new.expires_at is not None
    assert abs(new.expires_at - old.expires_at - timedelta(days=7)) < timedelta(minutes=1)
    with pytest.raises(CommandError, match="--overlap must be 0 to 3650 days"):
        rxtoken("rotate", old.id, "--overlap", "-1")
    rxtoken("revoke", old.id)
    with pytest.raises(CommandError, match="expired or revoked"):
        rxtoken("rotate", old.id)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "x", "--days", "7", "--without-end"],
        ["--name", ""],
        ["--name", "  "],
        ["--name", "x" * 101],
        ["--name", "x" * 65],
        ["--name", "x", "--client", "y" * 65],
        ["--name", "x", "--scopes", ""],
        ["--name", "x", "--scopes", "rx:read,admin"],
        ["--name", "x", "--scopes", "rx:read;rx:write"],
        ["--name", "x", "--days", "0"],
        ["--name", "x", "--days", "-1"],
        ["--name", "x", "--days", "99999999999"],
        ["--name", "x", "--days", "soon"],
        [],
    ],
)
def test_what_cannot_be_made_is_refused_and_makes_nothing(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        rxtoken("create", *arguments)

    assert ApiToken.objects.count() == 0


def test_unknown_scopes_are_answered_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"rx:read +read prescriptions"):
        rxtoken("create", "--name", "x", "--scopes", "everything")


def test_a_revoked_token_is_dead_at_once() -> None:
    text = rxtoken("create", "--name", "shop")
    token = ApiToken.objects.get()

    assert rxtoken("revoke", token.id) == f"revoked {token.id}\n"

    assert status(text) == 401
    assert "revoked" in rxtoken("list")
    for gone in (token.id, "nobody"):
        with pytest.raises(CommandError, match="rxtoken list"):
            rxtoken("revoke", gone)


def test_something_has_to_be_said() -> None:
    for arguments in ([], ["nonsense"], ["revoke"]):
        with pytest.raises(CommandError):
            rxtoken(*arguments)


def test_origins_of_a_client() -> None:
    rxtoken("create", "--name", "shop")

    assert rxtoken("origins", "shop") == ""
    assert rxtoken("origins", "shop", "--set", "https://b.example", "https://a.example").split() == [
        "https://a.example",
        "https://b.example",
    ]
    with pytest.raises(CommandError, match="is no origin"):
        rxtoken("origins", "shop", "--set", "http://a.example")
    with pytest.raises(CommandError, match="No token is of a client"):
        rxtoken("origins", "nobody", "--set", "https://a.example")
    assert rxtoken("origins", "shop").count("\n") == 2
    assert rxtoken("origins", "shop", "--set") == ""
