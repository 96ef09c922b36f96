"""One form makes an account; what it may do is told on a page; and an administrator mends what was lost."""

import re
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from prescriptions.accounts import people, roles
from prescriptions.models import AuditEvent
from tests.prescriptions.accounts.conftest import QUEUE, Clock, Person
from tests.prescriptions.staff import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
TOKENS = "/admin/prescriptions/apitoken/"
PEOPLE, ADD = "/admin/auth/user/", "/admin/auth/user/add/"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "roles.md"


def group(name: str) -> int:
    return Group.objects.get(name=name).pk


def link_in(page: str) -> str:
    found = re.search(r'value="http://testserver(/accounts/password/[^"]+)"', page)
    assert found, page
    return found[1]


def choose(link: str, password: str) -> tuple[Client, str]:
    """Whoever got the link opens it and chooses a password; the page that follows."""
    http = Client()
    form = http.get(link, follow=True)
    if not form.context["validlink"]:
        return http, form.content.decode()
    fields = {"new_password1": password, "new_password2": password}
    return http, http.post(form.redirect_chain[-1][0], fields, follow=True).content.decode()


def test_one_form_and_a_pharmacist_is_there(chief: Person) -> None:
    chief.sign_in()

    page = chief.http.post(
        ADD, {"username": "devi", "first_name": "Devi", "email": "d@rx.example", "groups": [group("pharmacist")]}
    )

    devi = get_user_model().objects.get(username="devi")
    assert (devi.is_staff, devi.is_superuser, devi.has_usable_password()) == (True, False, False)
    assert "no-store" in page.headers["Cache-Control"]
    _, then = choose(link_in(page.content.decode()), "three words of mine")
    assert "Sign in" in then
    assert Person(devi).password("three words of mine").headers["Location"] == QUEUE
    told = list(AuditEvent.objects.filter(rx=f"user-{devi.pk}").order_by("seq").values_list("verb", "actor_name"))
    assert told == [
        ("account.made", "chief"),
        ("account.link", "chief"),
        ("account.password", "devi"),
        ("account.login", "devi"),
    ]


def test_a_link_works_once_and_ends(chief: Person, asha: Person, settings: Settings) -> None:
    chief.sign_in()
    address = reverse("admin:rx-person-link", args=[asha.user.pk])
    first = link_in(chief.http.post(address).content.decode())
    choose(first, "three words of mine")
    assert "This link is over" in choose(first, "another three words")[1]

    late = link_in(chief.http.post(address).content.decode())
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link is over" in choose(late, "another three words")[1]


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "too short"),
        ("password1234", "too common"),
        ("asha-asha-asha", ""),
        ("8237498237498", "entirely numeric"),
        ("Pharmacy-2026!Admin", "Anybody would try this one here"),
        ("prescription kolam", "Anybody would try this one here"),
        ("our pharmacy smells of cardamom", ""),
        ("Ein-langes Wort, und NOCH eines; bis 100 Zeichen voll sind. " * 2, ""),
    ],
)
def test_poor_passwords_are_refused_without_a_network(password: str, said: str, chief: Person, asha: Person) -> None:
    chief.sign_in()
    link = link_in(chief.http.post(reverse("admin:rx-person-link", args=[asha.user.pk])).content.decode())

    told = choose(link, password)[1]

    asha.user.refresh_from_db()
    assert said in told
    assert asha.user.check_password(password) is (said == "")


def test_a_long_password_counts_to_its_last_letter(chief: Person, asha: Person) -> None:
    password = " Neun Zehntel davon sind Wörter, und ein Rest \t£€😀 " * 3
    chief.sign_in()
    choose(link_in(chief.http.post(reverse("admin:rx-person-link", args=[asha.user.pk])).content.decode()), password)

    assert len(password) > 128
    for wrong in (password[:-1], password.lower(), password.strip()):
        assert asha.password(wrong).status_code == 200
    assert asha.password(password).status_code == 302


def test_a_link_lets_in_who_was_locked_out(chief: Person, asha: Person) -> None:
    for _ in range(6):
        asha.password("wrong")
    chief.sign_in()
    link = link_in(chief.http.post(reverse("admin:rx-person-link", args=[asha.user.pk])).content.decode())
    choose(link, "three words of mine")

    assert asha.password("three words of mine").status_code == 302


def test_a_lost_telephone(chief: Person, asha: Person) -> None:
    asha.sign_in()
    chief.sign_in()

    chief.http.post(reverse("admin:rx-person-forget-factors", args=[asha.user.pk]))

    assert not Authenticator.objects.filter(user=asha.user).exists()
    assert not asha.sees_the_queue()
    assert Person(asha.user).password().headers["Location"] == QUEUE, "to set up the next one"
    assert ("account.factor_removed", "chief") in AuditEvent.objects.values_list("verb", "actor_name")


def test_what_opens_accounts_is_confirmed_first(chief: Person, asha: Person, clock: Clock) -> None:
    chief.sign_in()
    clock.forward(minutes=6)

    for address in (reverse("admin:rx-person-link", args=[asha.user.pk]), ADD, f"{PEOPLE}{asha.user.pk}/change/"):
        answer = chief.http.post(address, {"username": "mallory", "groups": [group("senior")]})
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/accounts/confirm/"), address
    assert not get_user_model().objects.filter(username="mallory").exists()


@pytest.mark.parametrize("role", ["pharmacist", "senior", "auditor", "ops"])
def test_nobody_else_sees_or_makes_people(role: str, asha: Person, seeded: None) -> None:
    http = Client()
    http.force_login(person("x", role))
    for address in (PEOPLE, ADD, f"{PEOPLE}{asha.user.pk}/change/"):
        assert http.get(address).status_code in (303, 403)
        assert http.post(address, {"username": "y"}).status_code in (303, 403)
    assert http.post(reverse("admin:rx-person-link", args=[asha.user.pk])).status_code in (303, 403)
    assert get_user_model().objects.count() == 2


def test_a_role_is_taken_away_and_an_account_closed(chief: Person, asha: Person) -> None:
    asha.sign_in()
    chief.sign_in()

    chief.http.post(f"{PEOPLE}{asha.user.pk}/change/", {"username": "asha", "groups": [group("auditor")]})

    assert not asha.sees_the_queue()
    event = AuditEvent.objects.get(verb="account.changed")
    assert event.data == {"fields": ["groups", "is_active"], "roles": ["auditor"], "active": False}


def test_the_last_administrator_cannot_close_their_own_account(chief: Person) -> None:
    # given others who could not make an account for anybody: closed, without a way in, or without the right
    person("old", "ops", is_superuser=True, is_active=False)
    away = person("away", "ops", is_superuser=True)
    away.set_unusable_password()
    away.save()
    person("senior", "senior")
    chief.sign_in()
    address = f"{PEOPLE}{chief.user.pk}/change/"

    # then it is refused, and says why
    refused = chief.http.post(address, {"username": "chief"})
    assert refused.status_code == 200
    assert "This is the last administrator who can sign in" in refused.content.decode()
    assert get_user_model().objects.get(pk=chief.user.pk).is_active
    assert chief.http.get(address).status_code == 200, "still signed in"

    # when there is another, then it is done
    away.set_password("three words of mine")
    away.save()
    assert chief.http.post(address, {"username": "chief"}).status_code == 302
    assert not get_user_model().objects.get(pk=chief.user.pk).is_active
    assert chief.http.get(address).status_code in (302, 303)


def test_who_signs_in_by_the_provider_counts_while_there_is_one(chief: Person, settings: Settings) -> None:
    away = person("away", "ops", is_superuser=True)
    away.set_unusable_password()
    away.save()
    SocialAccount.objects.create(user=away, provider="sso", uid="away")

    assert people.is_last_administrator(chief.user)

    settings.RX_OIDC_URL = "https://login.example.com"
    assert not people.is_last_administrator(chief.user)


@pytest.mark.parametrize(
    ("address", "place", "one"),
    [(PEOPLE, "People", "1 person"), ("/admin/auth/group/", "Roles", "4 roles"), (TOKENS, "API tokens", "0 tokens")],
)
def test_places_have_the_names_that_people_know(address: str, place: str, one: str, chief: Person) -> None:
    chief.sign_in()

    listed, form = (chief.http.get(path).content.decode() for path in (address, f"{address}add/"))

    for page in (listed, form):
        crumbs = re.sub(r"<[^>]+>", "", page.split('class="breadcrumbs">')[1].split("</div>")[0])
        assert " ".join(crumbs.split()).startswith(f"Home › {place}")
    assert one in listed
    words = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(head|script|svg).*?</\1>", "", listed + form))
    assert re.findall(r"(?i).{0,20}\b(?:users?|groups?|authentication and authorization)\b.{0,20}", words) == []


# --- Roles -----------------------------------------------------------------------------------------------------------
def test_the_page_of_roles_is_the_permissions_that_count(chief: Person) -> None:
    chief.sign_in()
    shown = roles.table()
    assert shown.roles[:4] == ("pharmacist", "senior", "auditor", "ops")

    for right in shown.rights:
        for role, held in zip(shown.roles, right.held, strict=True):
            one = person(f"{role}-{right.codename}", role)
            assert one.has_perm(f"prescriptions.{right.codename}") is held, (role, right)

    page = chief.http.get("/admin/roles/").content.decode()
    assert all(str(right.words) in page.replace("&#x27;", "'") for right in shown.rights)


def test_the_docs_have_the_same_table() -> None:
    table = [line for line in DOCS.read_text().splitlines() if line.startswith("|")]

    assert table == list(roles.lines(roles.table())), "\n".join(roles.lines(roles.table()))


def test_every_right_of_a_role_has_words() -> None:
    assert [right.codename for right in roles.table().rights if right.words.startswith("Can ")] == []


def test_an_administrator_makes_a_role_of_their_own(chief: Person) -> None:
    chief.sign_in()
    erase = Permission.objects.get(codename="delete_prescription").pk
    foreign = Permission.objects.get(codename="add_user").pk

    refused = chief.http.post("/admin/auth/group/add/", {"name": "eraser", "permissions": [erase, foreign]})
    done = chief.http.post("/admin/auth/group/add/", {"name": "eraser", "permissions": [erase]})

    assert (refused.status_code, done.status_code) == (200, 302)
    assert list(Group.objects.get(name="eraser").permissions.values_list("codename", flat=True)) == [
        "delete_prescription"
    ]
    event = AuditEvent.objects.get(rx="roles")
    assert (event.verb, event.data["permissions"]) == ("account.role", ["delete_prescription"])
