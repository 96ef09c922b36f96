"""Who does something: a member of staff, a client's token, the customer, the holder of a link, or the system itself.

Rights are asked of the actor, so that every way in (admin, API, command, worker) is judged alike.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rest_framework.request import Request

from prescriptions.models import ApiToken


class ActorKind(StrEnum):
    STAFF = "staff"
    CLIENT = "client"
    CUSTOMER = "customer"
    LINK = "link"
    SYSTEM = "system"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Actor:
    """`user` is set for staff (and for tokens that review in somebody's name); `id` is a user's or a token's."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    user: Any = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else str(self.kind)

    @property
    def chain(self) -> str:
        """The audit chain of what they do, or is done to them, and concerns no prescription."""
        name = {ActorKind.STAFF: "user", ActorKind.CLIENT: "token"}.get(self.kind, str(self.kind))
        return f"{name}-{self.id}" if self.id else name

    @property
    def user_id(self) -> int | None:
        return None if self.user is None else int(self.user.pk)

    def may(self, permission: str) -> bool:
        """Does this actor hold a permission of this app? Only people do, and the superuser holds them all."""
        user = self.user
        return bool(user and user.is_active and user.is_staff and user.has_perm(f"prescriptions.{permission}"))


SYSTEM = Actor(ActorKind.SYSTEM)
CUSTOMER = Actor(ActorKind.CUSTOMER)
LINK = Actor(ActorKind.LINK)
NOBODY = Actor(ActorKind.NOBODY)  # who tried to sign in


def staff(user: Any) -> Actor:
    """A signed-in member of staff."""
    return Actor(ActorKind.STAFF, str(user.pk), user.get_username(), user)


def of(request: Request) -> Actor:
    """Whoever calls the API; a token that is bound to a person acts in that person's name."""
    return of_token(request.auth) if isinstance(request.auth, ApiToken) else staff(request.user)


def of_token(token: ApiToken) -> Actor:
    """Whose token it is."""
    if token.user is not None:
        return staff(token.user)
    return Actor(ActorKind.CLIENT, token.pk, token.name)
