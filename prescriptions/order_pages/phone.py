"""The page of a phone that an order was handed over to: it takes photos, and they appear on the other screen."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from prescriptions.accounts.lockout import address
from prescriptions.infra.problems import Problem
from prescriptions.infra.scripts.throttle import WRONG_LINKS
from prescriptions.intake import drafts, handovers
from prescriptions.languages import choosing as languages
from prescriptions.order_pages.access import PHONE, OrderView, language_of, open_phone, wait
from prescriptions.order_pages.draft_files import described
from prescriptions.order_pages.forms import ACCEPT
from prescriptions.order_pages.upload import Complaint, rules

_REMEMBERED: Final = 24 * 60 * 60  # by the browser, for whoever closes it meanwhile; the row says what it is good for


class PhonePage(OrderView):
    """`?link=…` is the code. A look at it does nothing, for programs look at what is scanned, too; the button lets the
    first phone in.
    """

    phone = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "link" not in request.GET:
            return super().dispatch(request, *args, **kwargs)
        try:
            return self._enter(request, request.GET["link"])
        except Problem as problem:
            return wait(request, problem)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Without scripts: files, or `remove:{id}`."""
        action, _colon, target = request.POST.get("action", "").partition(":")
        if action == "remove":
            drafts.remove(self.link, target)
        elif action == "add":
            complaints = []
            for file in request.FILES.getlist("files"):
                try:
                    drafts.add(self.link, file)
                except Problem as problem:
                    complaints.append(Complaint("files", problem.detail))
            if complaints:
                return self._show(request, complaints, status=400)
        elif action == "order":
            return HttpResponse(status=204)  # upload.js says so after each file; the order is the other screen's
        return HttpResponseRedirect(self.base, status=303)

    def over(self, request: HttpRequest) -> HttpResponse:
        response = render(request, "prescriptions/phone_over.html", status=404)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _enter(self, request: HttpRequest, code: str) -> HttpResponse:
        mine = open_phone(request)
        if mine is not None and handovers.is_for(code, mine):
            return HttpResponseRedirect(PHONE, status=303)  # it was scanned twice
        where = address(request)
        WRONG_LINKS.check(where)
        if request.method == "POST":
            claimed = handovers.claim(code)
            if claimed is not None:
                return self._let_in_phone(request, claimed[1])
        else:
            link = handovers.waiting(code)
            if link is not None:
                languages.speak(request, language_of(link))
                response = render(request, "prescriptions/phone_enter.html", {"link": link})
                response.headers["Cache-Control"] = "no-store"
                return response
        WRONG_LINKS.wrong(where)
        return self.over(request)

    def _let_in_phone(self, request: HttpRequest, held: str) -> HttpResponse:
        response = HttpResponseRedirect(PHONE, status=303)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            settings.RX_PHONE_COOKIE,
            held,
            max_age=_REMEMBERED,
            path=PHONE,
            secure=request.is_secure() or settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response

    def _show(
        self, request: HttpRequest, complaints: list[Complaint] | None = None, *, status: int = 200
    ) -> HttpResponse:
        context = {
            "link": self.link,
            "base": self.base,
            "complaints": complaints,
            "files": described(self.link),
            "files_path": self.under("files"),
            "mine": True,
            "accept": ACCEPT,
            "rules": rules(self),
        }
        return render(request, "prescriptions/phone.html", context, status=status)
