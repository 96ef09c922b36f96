"""What the review page's scripts need, as JSON in the page: `state` in review-base.js."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions.admin.pictures import viewer_page
from prescriptions.admin.review_page import words
from prescriptions.admin.review_page.context import QUEUE, Facts
from prescriptions.review.proof import ran_out


def data(facts: Facts) -> dict[str, Any]:
    """`left` is in seconds, `validity` in days."""
    until = facts.review.claimed_until if facts.may.decide else None
    return {
        "rx": facts.rx,
        "version": facts.review.version,
        "user": facts.actor.user_id,
        "decide": facts.may.decide,
        "looks": facts.looks,
        "editable": facts.editable,
        # After a refusal the form is newer than the browser's own draft; after a GET the draft is.
        "posted": facts.posted,
        "left": int((until - facts.now).total_seconds()) if until else 0,
        "turn": facts.may.turn,
        "redact": facts.may.redact,
        "shown": facts.shown,
        "opened": facts.shown if facts.page_asked and facts.visible_pages else None,
        "seen": sorted(facts.seen),
        "urls": facts.urls,
        "queue": reverse(QUEUE),
        "pages": [viewer_page(page, facts.tokens[facts.rx], facts.boxes) for page in facts.visible_pages],
        "compare": _comparable(facts) if facts.may.see_pages else {},
        "reasons": {r.code: [r.title, r.text, r.needs_note] for r in facts.reasons},
        "today": facts.calendar.today.isoformat(),
        "earliest": facts.calendar.earliest.isoformat(),
        "validity": facts.calendar.days,
        "override": facts.may.override,
        "over": ran_out(facts.over) if facts.over else "",
        "strict": list(settings.RX_SECOND_CHECK_SCHEDULES),
        "next": facts.next_image,
        "say": words.for_scripts(),
    }


def _comparable(facts: Facts) -> dict[str, dict[str, Any]]:
    """Pages of other prescriptions that the viewer can put beside ours, by their identifiers."""
    return {
        page.identifier: viewer_page(page, facts.tokens[entry.rx])
        | {"label": _("RX-%(rx)s, page %(page)s") % {"rx": entry.reference, "page": page.number}}
        for entry in facts.related.values()
        for page in entry.pages
    }
