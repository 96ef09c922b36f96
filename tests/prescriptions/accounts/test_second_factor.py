"""A password alone opens nothing where pictures are; apps, recovery codes, and every way to a session."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from prescriptions.accounts import policy
from prescriptions.models import AuditEvent
from tests.prescriptions.accounts.conftest import FACTORS, LOGIN, QUEUE, Clock, Person
from tests.prescriptions.staff import person

pytestmark = pytest.mark.django_db


def verbs(user: Any) -> list[str]:
    return list(AuditEvent.objects.filter(rx=f"user-{user.pk}").order_by("seq").values_list("verb", flat=True))


def test_with_password_and_code_and_not_before(asha: Person) -> None:
    first = asha.password()
    assert (first.status_code, first.headers["Location"]) == (302, f"{FACTORS}code/")
    assert not asha.sees_the_queue(), "the password was right, and is not enough"

    assert "Incorrect code" in asha.enter("000000").content.decode()
    assert not asha.sees_the_queue()

    done = asha.enter()
    assert (done.status_code, done.headers["Location"]) == (302, QUEUE)
    assert asha.sees_the_queue()
    assert verbs(asha.user) == ["account.failed", "account.login"]


def test_a_code_works_once(asha: Person) -> None:
    code = asha.code()
    asha.sign_in()
    again = Person(asha.user)

    again.password()

    assert "Incorrect code" in again.enter(code).content.decode()


def test_a_recovery_code_works_once(asha: Person) -> None:
    code = Authenticator.objects.get(user=asha.user, type="recovery_codes").wrap().get_unused_codes()[0]
    asha.password()
    assert asha.enter(code).headers["Location"] == QUEUE

    thief = Person(asha.user)
    thief.password()
    assert "Incorrect code" in thief.enter(code).content.decode()


def test_guesses_of_codes_end_after_five_for_that_account(asha: Person) -> None:
    asha.password()
    for _ in range(5):
        asha.enter("000000")

    assert asha.enter().status_code == 200, "the right one comes too late"
    assert not asha.sees_the_queue()


@pytest.mark.django_db(transaction=True)  # what follows the commit is looked at
def test_who_has_none_is_sent_to_set_one_up_and_nowhere_else(newcomer: Person) -> None:
    newcomer.sign_in()

    for page in (QUEUE, "/admin/", "/admin/prescriptions/prescription/"):
        answer = newcomer.http.get(page)
        assert (answer.status_code, answer.headers["Location"]) == (303, FACTORS), page
    assert newcomer.http.get("/api/v1/prescriptions").status_code == 401
    assert "second factor" in newcomer.http.get("/api/v1/prescriptions").json()["detail"]

    form = newcomer.http.get(f"{FACTORS}app/")
    newcomer.secret = form.context["form"].secret
    done = newcomer.http.post(f"{FACTORS}app/", {"code": newcomer.code()})
    assert done.headers["Location"] == f"{FACTORS}recovery/"
    assert newcomer.sees_the_queue(), "the app was shown to be theirs by its code"
    assert verbs(newcomer.user) == ["account.login", "account.factor_added", "account.codes_made"]


def test_a_session_older_than_its_owners_factor_is_over(newcomer: Person) -> None:
    newcomer.sign_in()
    newcomer.with_app()

    assert newcomer.http.get(FACTORS).status_code == 302, "not even there: a thief of it could add another"
    assert newcomer.http.get(QUEUE).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("door", ["/admin/login/", LOGIN])
def test_there_is_one_door(door: str, asha: Person) -> None:
    asha.http.post(door, {"username": "asha", "login": "asha", "password": "p", "next": QUEUE})

    assert not asha.sees_the_queue()
    assert asha.http.get("/api/v1/prescriptions").status_code == 401


@pytest.mark.parametrize(
    ("words", "needing"),
    [
        (("off",), set()),
        (("pictures",), {"pharmacist", "senior", "root"}),
        (("pictures", "ops"), {"pharmacist", "senior", "root", "ops"}),
        (("staff",), {"pharmacist", "senior", "root", "ops", "auditor"}),
    ],
)
def test_who_needs_one(words: tuple[str, ...], needing: set[str], staff: dict[str, Any], settings: Settings) -> None:
    settings.RX_SECOND_FACTOR = words
    people = {**staff, "root": person("root", "ops", is_superuser=True)}

    found = {name for name, user in people.items() if policy.is_needed(user)}

    assert found - {"other", "senior2"} == needing


def test_a_person_who_was_given_pictures_by_name_needs_one_too(seeded: None) -> None:
    user = person("given", "auditor")
    user.user_permissions.add(Permission.objects.get(codename="view_page"))

    assert policy.is_needed(user)


def test_secrets_of_apps_are_not_in_the_database(asha: Person, settings: Settings) -> None:
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert asha.secret not in kept

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    asha.sign_in()


def test_without_the_key_no_code_fits_and_nothing_breaks(asha: Person, settings: Settings) -> None:
    settings.SECRET_KEY = "another" * 10

    asha.password()

    assert asha.enter().status_code == 200


def test_factors_are_removed_only_by_whoever_shows_again_who_they_are(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    clock.forward(minutes=6)

    asked = asha.http.post(f"{FACTORS}app/remove/")
    assert asked.headers["Location"].startswith("/accounts/confirm/?next=")
    assert Authenticator.objects.filter(user=asha.user, type="totp").exists()

    asha.http.post(asked.headers["Location"], {"password": "p"})
    asha.http.post(f"{FACTORS}app/remove/")
    assert not Authenticator.objects.filter(user=asha.user).exists(), "recovery codes go with the last factor"
    assert verbs(asha.user)[-2:] == ["account.factor_removed", "account.factor_removed"]


def test_nobody_signs_up() -> None:
    http = Client(raise_request_exception=False)

    for address in ("/accounts/signup/", "/accounts/email/", "/accounts/password/reset/", "/accounts/sso/signup/"):
        assert http.post(address, {"username": "x", "password1": "long-enough-1"}).status_code == 404, address
