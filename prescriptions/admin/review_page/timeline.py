"""The audit log of one prescription in words. Codes and numbers only: the log holds nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions.models import AuditEvent

_WORDS: Final[dict[str, Promise]] = {
    "received": gettext_lazy("Received"),
    "prescription.rebuilt": gettext_lazy("Received before a restore, and written down again"),
    "decision.lost": gettext_lazy("Something was lost with a restore"),
    "link.minted": gettext_lazy("Links to the pages issued"),
    "manifest.opened": gettext_lazy("Page list opened"),
    "page.opened": gettext_lazy("Page viewed"),
    "page.seen": gettext_lazy("Page looked at"),
    "page.rotated": gettext_lazy("Page turned"),
    "page.redacted": gettext_lazy("Redaction confirmed"),
    "page.uncovered": gettext_lazy("Looked under what is blacked out"),
    "page.sheet_set": gettext_lazy("Paper set"),
    "page.sheet_refused": gettext_lazy("No paper"),
    "original.downloaded": gettext_lazy("Original downloaded"),
    "document.downloaded": gettext_lazy("PDF downloaded"),
    "order.lines": gettext_lazy("Order lines set"),
    "erased": gettext_lazy("Erased"),
    "review.priority": gettext_lazy("Priority set"),
    "review.claim": gettext_lazy("Claimed"),
    "review.release": gettext_lazy("Released"),
    "review.skip": gettext_lazy("Skipped"),
    "review.lapse": gettext_lazy("Claim ran out"),
    "review.take_back": gettext_lazy("Taken back by a senior"),
    "review.ask": gettext_lazy("Question sent to the customer"),
    "review.answer": gettext_lazy("Customer answered"),
    "review.time_out": gettext_lazy("No answer in time"),
    "review.approve": gettext_lazy("Approved"),
    "review.approve_some": gettext_lazy("Approved in part"),
    "review.reject": gettext_lazy("Not accepted"),
    "review.confirm": gettext_lazy("Second check: agreed"),
    "review.disagree": gettext_lazy("Second check: did not agree"),
    "review.expire": gettext_lazy("Validity ended"),
    "review.reopen": gettext_lazy("Reopened"),
    "review.undo": gettext_lazy("Decision undone"),
    "review.withdraw": gettext_lazy("Withdrawn by the customer"),
    "review.close": gettext_lazy("Closed for erasure"),
}

# What somebody answered for with a written reason; the reason is in the review, not in the log.
OVERRIDDEN: Final[dict[str, Promise]] = {
    "checklist": gettext_lazy("a point was missing"),
    "expired": gettext_lazy("it had run out"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    who: str
    what: str
    detail: str


def entries(events: Iterable[AuditEvent], reasons: Mapping[str, str]) -> list[Entry]:
    """`reasons`: code → words. An event that has no words here is shown by its own name."""
    return [
        Entry(
            event.at,
            event.actor_name or _who(event.actor),
            str(_WORDS.get(event.verb, event.verb)),
            _detail(event.data, reasons),
        )
        for event in events
    ]


def _who(actor: str) -> str:
    kind = actor.partition(":")[0]
    return {"customer": _("customer"), "system": _("the system"), "client": _("the shop"), "link": _("a link")}.get(
        kind, actor
    )


def _detail(data: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    parts = []
    if "page" in data:
        parts.append(_("page %(page)s") % {"page": data["page"]})
    if "pages" in data:
        parts.append(_("pages: %(count)s") % {"count": data["pages"]})
    if "rotation" in data:
        parts.append(f"{data['rotation']}°")
    if "boxes" in data:
        parts.append(_("boxes: %(count)s") % {"count": data["boxes"]})
    if "priority" in data:
        parts.append(str(data["priority"]))
    if data.get("declared"):
        parts.append(_("declared"))
    parts += [_("although %(what)s") % {"what": OVERRIDDEN.get(code, code)} for code in data.get("overridden", [])]
    if data.get("to") == "second_check":
        parts.append(_("needs a second check"))
    parts += [reasons.get(code, code) for code in data.get("reasons", [])]
    return ", ".join(parts)
