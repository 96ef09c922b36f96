"""Demo content: three fictitious prescriptions, two people, one API token. Loading it twice changes nothing."""

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from prescriptions import intake, orders
from prescriptions.api.authentication import BearerAuthentication, create
from prescriptions.models import ApiToken, Prescription
from rxproject.demo import samples

CLIENT = "demo"
ORDER = "DEMO-1001"
_SCOPES = ["rx:read", "rx:write", "orders:write"]
_USERS = {
    "admin": {"is_staff": True, "is_superuser": True},
    **{name: {"is_staff": True, "is_superuser": False} for name in ("pharmacist", "senior", "auditor", "ops")},
}
_SAMPLES = (
    ("phone-photo.jpg", samples.phone_photo),
    ("a4-scan.jpg", samples.a4_scan),
    ("three-pages.pdf", samples.three_page_pdf),
)
_DAY = 86_400


def load(*, before: dict[str, Any]) -> dict[str, Any]:
    """Make what is not there yet and describe all of it. `before` is what the last load returned, or {}."""
    token = before.get("token", "")
    if not _still_valid(token):
        ApiToken.objects.filter(client=CLIENT).delete()
        _row, token = create(name="demo", client=CLIENT, scopes=_SCOPES)
    users = {name: _user(name, rights, before) for name, rights in _USERS.items()}
    link = orders.mint(order_ref=ORDER, client=CLIENT, expires_in=30 * _DAY)
    return {
        "base_url": settings.BASE_URL,
        "token": token,
        "users": users,
        "order_link": settings.BASE_URL + orders.page_path(link),
        "prescriptions": [_describe(name, make) for name, make in _SAMPLES],
    }


def read(path: Path) -> dict[str, Any]:
    """The last load's result; {} when there is none that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _still_valid(token: str) -> bool:
    from rest_framework.exceptions import AuthenticationFailed
    from rest_framework.request import Request
    from rest_framework.test import APIRequestFactory

    if not token:
        return False
    request = Request(APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}"))
    try:
        return BearerAuthentication().authenticate(request) is not None
    except AuthenticationFailed:
        return False


def _user(name: str, rights: dict[str, bool], before: dict[str, Any]) -> dict[str, str]:
    user, _created = get_user_model().objects.get_or_create(username=name, defaults=rights)
    password = before.get("users", {}).get(name, {}).get("password", "")
    if not password or not user.check_password(password):
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    if not user.is_superuser:
        user.groups.set(Group.objects.filter(name=name))
    return {"username": name, "password": password}


def _describe(name: str, make: Any) -> dict[str, Any]:
    prescription = Prescription.objects.filter(client=CLIENT, documents__name=name, erased_at=None).first()
    if prescription is None:
        file = SimpleUploadedFile(name, make())
        prescription = intake.accept([file], client=CLIENT, order_ref=ORDER)
    return {
        "id": prescription.id,
        "name": name,
        "pages": [
            {"number": page.number, "id": page.identifier, "width": page.width, "height": page.height}
            for page in prescription.pages.all()
        ],
    }
