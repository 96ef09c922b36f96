"""The screens of one's own account speak our words: none of them is the library's own."""

from pathlib import Path

import pytest
from django.template.loader import get_template
from django.urls import URLPattern

from prescriptions.accounts.urls import urlpatterns
from tests.conftest import PROJECT
from tests.prescriptions.accounts.conftest import FACTORS, Clock, Person

OURS = PROJECT / "prescriptions" / "templates"
SAID = ("account/messages/password_changed.txt", "usersessions/messages/sessions_logged_out.txt")
SAID_OF_FACTORS = (
    "recovery_codes_generated",
    "totp_activated",
    "totp_deactivated",
    "webauthn_added",
    "webauthn_removed",
)


def template(pattern: URLPattern) -> str:
    return str(getattr(getattr(pattern.callback, "view_class", None), "template_name", None) or "")


def test_every_page_and_message_is_a_template_of_ours() -> None:
    pages = {name for name in map(template, urlpatterns) if name.endswith(".html")}
    assert len(pages) > 12

    names = [*pages, *SAID, *(f"mfa/messages/{name}.txt" for name in SAID_OF_FACTORS)]
    theirs = [name for name in names if OURS not in Path(get_template(name).origin.name).parents]

    assert theirs == []


@pytest.mark.django_db
def test_a_password_is_changed_by_whoever_knows_it_and_ends_all_other_sessions(asha: Person, clock: Clock) -> None:
    # given two browsers in which she is signed in
    other = Person(asha.user, asha.secret).sign_in()
    clock.forward(seconds=90)  # a code works once
    asha.sign_in()
    fields = {"oldpassword": "p", "password1": "three words of mine", "password2": "three words of mine"}

    # when she does not know the old one, nothing happens
    page = asha.http.get("/accounts/password/").content.decode()
    assert all(label in page for label in ("Password so far", "New password", "New password again"))
    assert asha.http.post("/accounts/password/", fields | {"oldpassword": "x"}).status_code == 200
    assert other.sees_the_queue()

    # when she does
    assert asha.http.post("/accounts/password/", fields).status_code == 302

    # then she is still here, and nowhere else
    assert "Your password is changed." in asha.http.get(FACTORS).content.decode()
    assert asha.sees_the_queue()
    assert not other.sees_the_queue()
