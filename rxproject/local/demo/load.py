"""Demo content: a pharmacy's day of fictitious orders, its people, one API token. Loading it twice changes nothing."""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from prescriptions.api import tokens
from prescriptions.api.authentication import BearerAuthentication
from prescriptions.intake import order_links
from prescriptions.models import ApiToken, Prescription
from rxproject.local.demo.stories import STORIES, Story, load_story

CLIENT = "demo"
# An order with nothing sent yet, of a patient whose earlier prescription is still valid.
ORDER, PATIENT = "ORD-20418", "PAT-7731"
_SCOPES = ["rx:read", "rx:write", "orders:write"]
_USERS: dict[str, dict[str, Any]] = {
    "admin": {"is_staff": True, "is_superuser": True},
    "pharmacist": {"is_staff": True, "is_superuser": False, "first_name": "Priya", "last_name": "Pretend"},
    "senior": {"is_staff": True, "is_superuser": False, "first_name": "Arjun", "last_name": "Archetype"},
    "auditor": {"is_staff": True, "is_superuser": False},
    "ops": {"is_staff": True, "is_superuser": False},
}
_DAY = 86_400


def load(*, before: dict[str, Any]) -> dict[str, Any]:
    """Make what is not there yet and describe all of it. `before` is what the last load returned, or {}."""
    token = before.get("token", "")
    if not _still_valid(token):
        ApiToken.objects.filter(client=CLIENT).delete()
        _row, token = tokens.make(name="demo", client=CLIENT, scopes=_SCOPES)
    users = {name: _user(name, rights, before) for name, rights in _USERS.items()}
    people = {user.get_username(): user for user in get_user_model().objects.filter(username__in=_USERS)}
    made = {story.name: _prescription(story, people) for story in sorted(STORIES, key=lambda story: -story.minutes)}
    return {
        "base_url": settings.BASE_URL,
        "token": token,
        "users": users,
        "hashes": {name: _digest(people[name].password) for name in users},
        "order_link": _link(ORDER, PATIENT),
        "prescriptions": [_describe(story, made[story.name]) for story in STORIES],
    }


def read(path: Path) -> dict[str, Any]:
    """The last load's result; {} when there is none that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _still_valid(token: str) -> bool:
    if not token:
        return False
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    try:
        return BearerAuthentication().authenticate(Request(request)) is not None
    except AuthenticationFailed:
        return False


def _user(name: str, rights: dict[str, Any], before: dict[str, Any]) -> dict[str, str]:
    user, _created = get_user_model().objects.get_or_create(username=name, defaults=rights)
    password = before.get("users", {}).get(name, {}).get("password", "")
    # To check a password costs a third of a second, and nobody has set another while its row is as it was.
    unchanged = before.get("hashes", {}).get(name) == _digest(user.password)
    if not password or not (unchanged or user.check_password(password)):
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    if not user.is_superuser:
        user.groups.set(Group.objects.filter(name=name))
    return {"username": name, "password": password}


def _digest(hashed: str) -> str:
    return hashlib.sha256(hashed.encode()).hexdigest()


def _prescription(story: Story, people: dict[str, Any]) -> Prescription:
    there = Prescription.objects.filter(client=CLIENT, order_ref=story.order_ref, erased_at=None)
    return there.order_by("created_at").first() or load_story(story, client=CLIENT, people=people)


def _link(order_ref: str, patient_ref: str) -> str:
    link = order_links.mint(order_ref=order_ref, client=CLIENT, expires_in=30 * _DAY, patient_ref=patient_ref)
    return settings.BASE_URL + order_links.page_path(link)


def _describe(story: Story, prescription: Prescription) -> dict[str, Any]:
    return {
        "id": prescription.id,
        "name": story.file,
        "story": story.name,
        "order_ref": story.order_ref,
        "order_link": _link(story.order_ref, story.patient_ref),
        "pages": [
            {"number": page.number, "id": page.identifier, "width": page.width, "height": page.height}
            for page in prescription.pages.all()
        ],
    }
