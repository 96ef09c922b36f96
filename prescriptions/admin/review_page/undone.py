"""What an undone decision had said about order lines, kept until the page shows it again. Codes and numbers only:
what was typed as text is in the review's own columns."""

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest

from prescriptions.admin.review_page.form_state import Typed
from prescriptions.models import Review
from prescriptions.review.undo import Verdict

_KEY: Final = "rx_undone"


def keep_undone(request: HttpRequest, review: Review, verdicts: Sequence[Verdict]) -> None:
    rows = [[v.position, v.decision, v.quantity, v.reason] for v in verdicts]
    request.session[_KEY] = {"rx": review.pk, "version": review.version, "lines": rows}


def take_undone(request: HttpRequest, rx: str) -> Typed | None:
    """The form as it was before the decision, as long as nothing else has happened to the review since."""
    kept = request.session.get(_KEY)
    if not kept or kept["rx"] != rx:
        return None
    review = Review.objects.filter(pk=rx, version=kept["version"]).first()
    if review is None:
        del request.session[_KEY]
        return None
    return Typed.undone(review, [Verdict(*row) for row in kept["lines"]])
