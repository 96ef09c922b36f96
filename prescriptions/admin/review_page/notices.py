"""Advice above the form: seen before, small, dark, sent again, colleagues' notes. Never a verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from prescriptions.admin.review_page.timeline import OVERRIDDEN
from prescriptions.models import Page, Review, ReviewStatus
from prescriptions.review.transitions import in_words


@dataclass(frozen=True, slots=True)
class Related:
    """An earlier prescription: of the same order or patient, or one that looks the same."""

    review: Review
    pages: tuple[Page, ...]

    @property
    def rx(self) -> str:
        return str(self.review.pk)

    @property
    def reference(self) -> str:
        return self.rx[:8]

    @property
    def url(self) -> str:
        return reverse("admin:rx-review", args=[self.rx])

    @property
    def status(self) -> str:
        return str(ReviewStatus(self.review.status).label)

    @property
    def day(self) -> str:
        return date_format(localtime(self.review.decided_at or self.review.queued_at), "j M")


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of advice; `compare` is the key of a page that the viewer can put beside ours, `page` is ours."""

    tone: str
    icon: str
    title: str
    text: str = ""
    url: str = ""
    compare: str = ""
    page: int = 0


def of(review: Review, related: Mapping[str, Related]) -> list[Notice]:
    found = list(_lookalikes(review, related))
    if review.supersedes_id and review.supersedes_id in related:
        found.append(_sent_again(related[review.supersedes_id]))
    if changed := _changed(review):
        found.insert(0, changed)
    if review.is_small:
        text = _("Less than 800 pixels on its long side. Zoom in; ask for a better picture if it cannot be read.")
        found.append(Notice("warn", "alert", _("A page is small"), text))
    if review.is_dark:
        text = _("Brightness, contrast and “enhanced” in the viewer may help.")
        found.append(Notice("warn", "alert", _("A page is dark"), text))
    if review.decision_lost:
        text = _(
            "The database was restored, and what was done here after the back-up is not known any more. The history "
            "names it. The customer may have been told already: ask before you decide otherwise."
        )
        found.insert(0, Notice("warn", "alert", _("Something was lost with a restore"), text))
    if review.overridden and review.status == ReviewStatus.SECOND_CHECK:
        what = ", ".join(str(OVERRIDDEN.get(code, code)) for code in review.overridden)
        found.insert(
            0, Notice("warn", "alert", _("Approved although %(what)s") % {"what": what}, review.override_reason)
        )
    if review.internal_note and review.status in (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW) and review.version > 2:
        found.append(Notice("info", "info", _("Note from a colleague"), review.internal_note))
    return found


def _changed(review: Review) -> Notice | None:
    """What the shop has changed in the order since somebody took it."""
    if review.status != ReviewStatus.IN_REVIEW:
        return None
    since = [change for change in review.lines_changes if datetime.fromisoformat(change["at"]) >= review.status_at]
    words = in_words(review.lines_since(since[0]["version"] - 1)) if since else []
    at = date_format(localtime(datetime.fromisoformat(since[-1]["at"])), "H:i") if since else ""
    title = _("The order was changed at %(time)s, after it was taken") % {"time": at}
    return Notice("warn", "alert", title, " ".join(words)) if words else None


def _lookalikes(review: Review, related: Mapping[str, Related]) -> Iterable[Notice]:
    for entry in review.lookalikes:
        other = related.get(str(entry.get("rx", "")))
        if other is None:
            continue  # erased meanwhile
        numbers = {"page": entry["page"], "rx": other.reference, "number": entry["number"]}
        same = entry.get("distance") == 0
        title = (
            _("Page %(page)s is the same file as page %(number)s of RX-%(rx)s") % numbers
            if same
            else _("Page %(page)s looks like page %(number)s of RX-%(rx)s") % numbers
        )
        text = _("%(status)s, %(day)s") % {"status": other.status, "day": other.day}
        yield Notice(
            "warn",
            "files",
            title,
            text,
            url=f"{other.url}?page={entry['number']}",
            compare=f"{other.rx}_{entry['number']}",
            page=int(entry["page"]),
        )


def _sent_again(before: Related) -> Notice:
    why = str(before.review.reason or "")
    text = _("%(status)s, %(day)s") % {"status": before.status, "day": before.day}
    note = before.review.customer_text
    return Notice(
        "info",
        "again",
        _("Sent again for RX-%(rx)s") % {"rx": before.reference},
        ". ".join(part for part in (text, why, note) if part),
        url=before.url,
        compare=f"{before.rx}_1" if before.pages else "",
        page=1,
    )
