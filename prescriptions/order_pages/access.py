"""Who may see an order's pages: the holder of a signed order link, and nobody else (404)."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import http_date
from django.views import View

from prescriptions.accounts.lockout import address
from prescriptions.infra.problems import Problem
from prescriptions.infra.scripts.throttle import WRONG_LINKS
from prescriptions.intake import order_links
from prescriptions.intake.order_links import OrderLink
from prescriptions.languages import choosing as languages
from prescriptions.models import Order


def open_link(request: HttpRequest, signed: str) -> OrderLink | None:
    """The link if it opens anything. Raises Problem 429 where this address has presented too many that do not."""
    if not signed:
        return None
    where = address(request)
    WRONG_LINKS.check(where)
    link = order_links.opened(signed)
    if link is None:
        WRONG_LINKS.wrong(where)
    return link


def presented(request: HttpRequest) -> str:
    """The signed link that came as a bearer token, from what is no page of ours; empty: none."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


class OrderView(View):
    """Base of everything under an order: `self.link` is the verified link, `self.base` the order's page."""

    bare = False  # True: under /upload/, the same pages without an order's address
    shows = False  # True: what a link that only uploads does not open
    bearers = False  # True: the link may come as a bearer token
    link: OrderLink
    base: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        order_ref = str(kwargs.pop("order_ref", ""))
        signed = request.GET.get("link")
        held = (self.bearers and presented(request)) or request.COOKIES.get(settings.RX_ORDER_COOKIE, "")
        try:
            link = open_link(request, held if signed is None else signed)
        except Problem as problem:
            return _wait(request, problem)
        if link is None or (not self.bare and link.order_ref != order_ref) or (self.shows and not link.shows):
            raise Http404
        self.base = "/upload/" if self.bare else f"/orders/{order_ref}/prescription"
        if signed is not None:
            return self._let_in(request, link, instead_of=order_links.opened(held))
        self.link = link
        languages.speak(request, _language_of(link))
        request.rx_client = link.client  # type: ignore[attr-defined]  # whose pages may read the answer
        response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def under(self, name: str) -> str:
        """Address of one of the page's companions: "files" or "status"."""
        return f"{self.base.rstrip('/')}/{name}"

    def _let_in(self, request: HttpRequest, link: OrderLink, *, instead_of: OrderLink | None) -> HttpResponse:
        """Take the link out of the address bar: an address is copied, kept in histories and sent as a referrer.

        Where this browser has another order open at this address, its owner is asked first: a link that somebody else
        made them follow would have their prescription sent to a stranger's order.
        """
        other = instead_of is not None and (instead_of.client, instead_of.order_ref) != (link.client, link.order_ref)
        if other and request.method != "POST":
            languages.speak(request, _language_of(link))
            response = render(request, "prescriptions/other_order.html", {"link": link, "open": instead_of})
            response.headers["Cache-Control"] = "no-store"
            return response
        response = HttpResponseRedirect(request.path, status=303)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            settings.RX_ORDER_COOKIE,
            link.signed,
            expires=http_date(link.expires),
            path=self.base.rpartition("/")[0] + "/",
            secure=request.is_secure() or settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response


def _language_of(link: OrderLink) -> str:
    """The customer's, as far as the shop has said it."""
    order = Order.objects.filter(client=link.client, ref=link.order_ref)
    return order.values_list("language", flat=True).first() or ""


def _wait(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A page for people; upload.js, which sends files with a key or in pieces, is told as a machine is."""
    if "Idempotency-Key" in request.headers or "Tus-Resumable" in request.headers:
        return problem.response()
    minutes = -(-(problem.retry_after or 0) // 60)
    response = render(request, "prescriptions/wait.html", {"minutes": minutes}, status=problem.status)
    for name, value in problem.all_headers().items():
        response.headers[name] = value
    return response
