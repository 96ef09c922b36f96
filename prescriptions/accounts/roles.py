"""Who may do what: read from the groups and their permissions, never written down a second time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions.accounts import policy

# In the order of a day's work. A permission without words here has Django's name for it.
_WORDS: Final[dict[str, Promise]] = {
    "view_review": _("See the work queue and reviews"),
    "view_prescription": _("See that a prescription is there, its order and its patient's reference"),
    "view_page": _("See pages: the pictures of what was sent"),
    "view_document": _("Download the files as they were sent"),
    "claim_review": _("Take prescriptions from the queue"),
    "decide_review": _("Approve, reject, ask the customer"),
    "redact_page": _("Black out parts of a page"),
    "second_check_review": _("Confirm a colleague's approval"),
    "override_review": _("Approve what has run out, with a reason"),
    "reopen_review": _("Open a decision again"),
    "assign_review": _("Release others' claims, change priorities"),
    "view_orderline": _("See what was ordered"),
    "view_clarificationmessage": _("Read questions and answers"),
    "view_redaction": _("See where pages are blacked out"),
    "view_reasoncode": _("See the reasons for decisions"),
    "change_reasoncode": _("Word the reasons that customers read"),
    "view_variant": _("See which variants were made, and why an address answers as it does"),
    "change_variant": _("Have a failed variant made again"),
    "view_auditevent": _("Read the audit log"),
    "view_auditanchor": _("Read the seals of the audit log"),
    "view_retentionrun": _("See what the nights have erased"),
    "view_apitoken": _("See which programs may call"),
    "view_webhook": _("See whom we tell what happened, and what came of it"),
    "change_webhook": _("Set up whom we tell what happened"),
    "add_prescription": _("Upload in a customer's place"),
    "delete_prescription": _("Erase prescriptions"),
    "override_retention": _("Erase before the retention is over, with a reason"),
    "hold_prescription": _("Set and lift legal holds"),
    "export_prescription": _("Export prescriptions, and all of a patient or an order"),
}
_FIRST: Final = ("pharmacist", "senior", "auditor", "ops")


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that may be done, and which of the roles may do it, in the order of `Table.roles`."""

    codename: str
    words: str
    held: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Every role, and what they may do. `factor`: who of them needs a second step when signing in."""

    roles: tuple[str, ...]
    rights: tuple[Right, ...]
    factor: tuple[bool, ...]


def table() -> Table:
    """As the database has it now: two queries. What no role may is granted to persons, and listed last."""
    groups = {group.name: group for group in Group.objects.prefetch_related("permissions")}
    roles = sorted(groups, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    held = {name: {row.codename for row in groups[name].permissions.all()} for name in roles}
    known = list(_WORDS)
    shown = Permission.objects.filter(content_type__app_label="prescriptions")
    names = {
        row.codename: row.name
        for row in shown
        if row.codename in known or any(row.codename in h for h in held.values())
    }
    ordered = sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))
    rights = tuple(
        Right(name, str(_WORDS.get(name, names[name])), tuple(name in held[role] for role in roles)) for name in ordered
    )
    return Table(tuple(roles), rights, tuple(policy.covers(role, held[role]) for role in roles))


def lines(shown: Table) -> Sequence[str]:
    """The table in Markdown, as docs/reference/roles.md has it."""

    def row(words: str, marks: tuple[bool, ...]) -> str:
        return f"| {words} |" + "".join(" ● |" if mark else " |" for mark in marks)

    head = f"| | {' | '.join(shown.roles)} |"
    rows = [row(f"{right.words} (`{right.codename}`)", right.held) for right in shown.rights]
    factor = row("Must sign in with a second step, as shipped", shown.factor)
    return [head, "|---" * (len(shown.roles) + 1) + "|", *rows, factor]
