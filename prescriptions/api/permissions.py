"""Who may call what, and which rows they see. Foreign rows are absent rows: 404, never 403."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from prescriptions.accounts import reauthentication
from prescriptions.models import ApiToken, Prescription
from prescriptions.variants.fairness.askers import Asker

if TYPE_CHECKING:  # DRF imports its default permissions while it defines APIView
    from rest_framework.views import APIView

# What a signed-in member of staff needs in place of a token's scope.
_STAFF_PERMISSIONS = {
    # Who may look at a page sees its pictures and files; auditors see the audit log, but no pictures.
    "rx:read": "prescriptions.view_page",
    "rx:review": "prescriptions.view_review",
    "rx:write": "prescriptions.add_prescription",
    "rx:erase": "prescriptions.delete_prescription",
    "rx:hold": "prescriptions.hold_prescription",
    "rx:override": "prescriptions.override_retention",
    "rx:export": "prescriptions.export_prescription",
    "orders:write": "prescriptions.add_prescription",
    "webhooks:write": "prescriptions.change_webhook",
}
# What a session alone is not enough for.
_CONFIRMED = frozenset({"rx:erase", "rx:hold", "rx:override", "rx:export"})


class HasScope(BasePermission):
    """The view's `scopes` name what each method needs; a method without an entry is refused."""

    message = "This token's scopes do not allow that."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scopes: dict[str, str] = getattr(view, "scopes", {})
        method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
        needed = scopes.get(method)
        if needed is None:
            return bool(request.user and request.user.is_authenticated)
        return _allows(request, needed)


def require(request: Request, scope: str) -> None:
    """What a part of a request needs besides the method's scope. Raises PermissionDenied."""
    if not _allows(request, scope):
        raise PermissionDenied(HasScope.message)


def _allows(request: Request, scope: str) -> bool:
    allowed = holds(request, scope)
    if allowed and scope in _CONFIRMED and not isinstance(request.auth, ApiToken):
        reauthentication.demand(request._request)
    return allowed


def holds(request: Request, scope: str) -> bool:
    """Has the token this scope, or the member of staff what it stands for?"""
    if isinstance(request.auth, ApiToken):
        return scope in request.auth.scopes
    user: Any = request.user
    return bool(user and user.is_active and user.is_staff and user.has_perm(_STAFF_PERMISSIONS.get(scope, "")))


def visible(request: Request) -> QuerySet[Prescription]:
    """The prescriptions that the caller may see."""
    rows = Prescription.objects.all()
    if isinstance(request.auth, ApiToken):
        return rows if sees_all(request) else rows.filter(client=request.auth.client)
    return rows if request.user.is_staff else rows.none()


def sees_all(request: Request) -> bool:
    """Does the token see the prescriptions of every client?"""
    return isinstance(request.auth, ApiToken) and "rx:all" in request.auth.scopes


def client_of(request: Request) -> str:
    """Under whose name an upload is kept."""
    return request.auth.client if isinstance(request.auth, ApiToken) else "staff"


def owner_of(request: Request) -> str:
    """Whose it is what is kept between requests: all tokens of a client are one."""
    return f"client:{request.auth.client}" if isinstance(request.auth, ApiToken) else f"staff:{request.user.pk}"


def asker_of(request: Request) -> Asker:
    """Whose share of the workers a variant counts against."""
    return Asker.client(request.auth.client) if isinstance(request.auth, ApiToken) else Asker.staff(request.user.pk)
