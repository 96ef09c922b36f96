"""Members of staff of a running stack: who they are, and browsers in which they are signed in already."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from playwright.sync_api import Page

from tests.conftest import Site

PASSWORD: Final = "long-enough-for-all"
# Run beside the running stack. One hash for all: it is slow on purpose.
_HIRE: Final = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
password, sessions = make_password({password!r}), {{}}
for name, group in {people!r}.items():
    user = get_user_model().objects.create(username=name, password=password, is_staff=True, first_name=name.title())
    user.groups.add(Group.objects.get(name=group))
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    sessions[name] = session.session_key
print(json.dumps(sessions))
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A user, and a session of theirs that nobody uses."""

    name: str
    session: str


def hire(site: Site, groups: Mapping[str, str]) -> dict[str, Member]:
    """New users by name, each with the rights of a group."""
    script = _HIRE.format(password=PASSWORD, people=dict(groups))
    sessions: dict[str, str] = json.loads(site.manage("shell", "-v", "0", "-c", script).splitlines()[-1])
    return {name: Member(name, session) for name, session in sessions.items()}


def enter(page: Page, site: Site, who: Member) -> None:
    """Makes it the browser of somebody who has just signed in."""
    key = uuid4().hex
    site.change(
        "INSERT INTO django_session (session_key, session_data, expire_date) "
        "SELECT ?, session_data, expire_date FROM django_session WHERE session_key = ?",
        key,
        who.session,
    )
    page.context.add_cookies([{"name": "sessionid", "value": key, "url": site.stack.base_url}])


def sign_in(page: Page, who: Member) -> None:
    """The form, filled in and sent."""
    page.fill("#id_login", who.name)
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
