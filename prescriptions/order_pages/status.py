"""How the prescriptions of an order fare: cards for the page and for polling, the customer's answers, withdrawals."""

import hashlib
import re
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit import actors
from prescriptions.infra.problems import Problem
from prescriptions.intake import drafts
from prescriptions.intake.customers import answering, progress
from prescriptions.intake.customers.progress import Progress
from prescriptions.intake.notices import Found, gathered
from prescriptions.order_pages import onlookers, returning
from prescriptions.order_pages.access import OrderView
from prescriptions.order_pages.forms import ACCEPT
from prescriptions.order_pages.onlookers import Onlooker
from prescriptions.review import replays
from prescriptions.variants import delivery, links
from prescriptions.variants.pictures import Picture, picture

# What a file or a text lacks, and what is full or busy. Conflicts are worded for staff.
_OURS_TO_SAY: Final = (413, 415, 422, 429, 503)
# Number, whether it is the sheet of paper in the page, thumbnail, preview.
Pages = list[tuple[int, bool, Picture, Picture]]


class OrderStatus(OrderView):
    """The status cards alone, for polling: 304 while nothing has changed."""

    shows = True

    def get(self, request: HttpRequest) -> HttpResponse:
        sent = progress.of_order(self.link)
        context = _context(self, sent)
        _note(sent, audit.Verb.ORDER_POLLED)
        response = render(request, "prescriptions/status_cards.html", context)
        # Of what is shown, and of nothing behind it: that something happened is not to be told before what.
        shown = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", response.content)
        etag = f'"{hashlib.sha256(shown).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if delivery.unchanged(request, etag):
            return HttpResponse(status=304, headers=headers)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    def post(self, request: HttpRequest) -> HttpResponse:
        """`answer:{rx}` to the pharmacist's question, or `withdraw:{rx}`."""
        action, _colon, rx = request.POST.get("action", "").partition(":")
        sent = progress.of_order(self.link)
        if rx not in {item.prescription.pk for item in sent} or action not in ("answer", "withdraw"):
            raise Http404
        try:
            if action == "answer":
                self._answer(request, rx)
            else:
                replays.withdraw_once(rx, actor=actors.CUSTOMER)
        except Problem as problem:
            # A conflict is worded for staff: who did what, and outcomes that nobody else may know yet.
            ours = problem.status in _OURS_TO_SAY
            complaint = problem.detail if ours else _("This has changed meanwhile. See below.")
            page = show(self, request, progress.of_order(self.link), complaint=complaint)
            page.status_code = problem.status
            for name, value in problem.all_headers().items():
                page.headers[name] = value
            return page
        return HttpResponseRedirect(self.base, status=303)

    def _answer(self, request: HttpRequest, rx: str) -> None:
        """A text, a photo, or both."""
        asked, said = request.POST.get("question", ""), request.POST.get("answer", "")
        question = int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else None
        photo = request.FILES.get("photo")
        if photo is None or question is None:
            replays.answer_once(rx, said, actor=actors.CUSTOMER, question=question)
            return
        item = next(item for item in progress.of_order(self.link) if item.prescription.pk == rx)
        answering.with_photo(self.link, item.prescription, photo, said, question=question)


def show(view: OrderView, request: HttpRequest, sent: list[Progress], *, complaint: str = "") -> HttpResponse:
    """The whole status page."""
    context = {
        **_context(view, sent),
        "unsent": len(drafts.files_of(view.link)),
        "again": any(item.button for item in sent[:1]),  # then its card has the button
        "complaint": complaint,
        "onlookers": _onlookers(sent) if settings.RX_SHOW_LOOKS else [],
    }
    _note(sent, audit.Verb.ORDER_VIEWED)
    return render(request, "prescriptions/status.html", context)


def _onlookers(sent: list[Progress]) -> list[tuple[Progress, list[Onlooker]]]:
    """Before this look is noted: it is whoever reads this, and needs no telling."""
    found = onlookers.of_prescriptions([item.prescription.pk for item in sent])
    return [(item, found[item.prescription.pk]) for item in sent if found[item.prescription.pk]]


def _note(sent: list[Progress], verb: audit.Verb) -> None:
    audit.all_looked([item.prescription.pk for item in sent], verb, actor=actors.CUSTOMER)


def _context(view: OrderView, sent: list[Progress]) -> dict[str, Any]:
    tokens = links.hand_out([item.prescription.pk for item in sent], actors.CUSTOMER)
    return {
        "link": view.link,
        "base": view.base,
        "status_path": view.under("status"),
        "accept": ACCEPT,
        "back": returning.address(view.link, sent),
        "cards": [(item, _pages(item, tokens[item.prescription.pk]), _notices(item)) for item in sent],
    }


def _notices(item: Progress) -> list[Found]:
    """Of its pages, as long as something better can still be sent before it is decided."""
    if item.display.done > 1:
        return []
    return gathered([(page.number, page.notices) for page in item.prescription.pages.all()])


def _pages(item: Progress, token: str) -> Pages:
    """Each page as it was sent, and beside it the paper in it as it will be read."""
    images = ((page, image) for page in item.prescription.pages.all() for image in (page, page.sheet) if image)
    return [
        (page.number, image is not page, picture(image, "thumb", token), picture(image, "preview", token))
        for page, image in images
    ]
