"""Who may see an order's pages: the holder of a signed order link, and nobody else (404)."""

from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import http_date
from django.views import View

from prescriptions.accounts.lockout import address
from prescriptions.infra.problems import Problem
from prescriptions.infra.scripts.throttle import WRONG_LINKS
from prescriptions.intake import handovers, order_links
from prescriptions.intake.order_links import OrderLink
from prescriptions.languages import choosing as languages
from prescriptions.models import Order

# Where a phone takes photos for a computer's order: without the order's reference, which is in no code.
PHONE: Final = "/upload/phone"


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


def open_phone(request: HttpRequest) -> OrderLink | None:
    """What the phone that asks was let in to. Raises Problem 429 as `open_link`."""
    held = request.COOKIES.get(settings.RX_PHONE_COOKIE, "")
    if not held:
        return None
    where = address(request)
    WRONG_LINKS.check(where)
    link = handovers.opened(held)
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
    phone = False  # True: under /upload/phone, for the phone that an order was handed over to
    shows = False  # True: what a link that only uploads does not open
    bearers = False  # True: the link may come as a bearer token
    link: OrderLink
    base: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.phone:
            return self._by_phone(request, *args, **kwargs)
        order_ref = str(kwargs.pop("order_ref", ""))
        signed = request.GET.get("link")
        held = (self.bearers and presented(request)) or request.COOKIES.get(settings.RX_ORDER_COOKIE, "")
        try:
            link = open_link(request, held if signed is None else signed)
        except Problem as problem:
            return wait(request, problem)
        if link is None or (not self.bare and link.order_ref != order_ref) or (self.shows and not link.shows):
            raise Http404
        self.base = "/upload/" if self.bare else f"/orders/{order_ref}/prescription"
        if signed is not None:
            return self._let_in(request, link, instead_of=order_links.opened(held))
        return self._serve(request, link, *args, **kwargs)

    def _by_phone(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            link = open_phone(request)
        except Problem as problem:
            return wait(request, problem)
        if link is None:
            return self.over(request)
        self.base = PHONE
        if request.method in ("POST", "PATCH"):
            handovers.prolong(link)
        return self._serve(request, link, *args, **kwargs)

    def over(self, request: HttpRequest) -> HttpResponse:
        """What a phone is told that has no right here, or none any more."""
        raise Http404

    def _serve(self, request: HttpRequest, link: OrderLink, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.link = link
        languages.speak(request, language_of(link))
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
            languages.speak(request, language_of(link))
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


def language_of(link: OrderLink) -> str:
    """The customer's, as far as the shop has said it."""
    order = Order.objects.filter(client=link.client, ref=link.order_ref)
    return order.values_list("language", flat=True).first() or ""


def wait(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A page for people; upload.js, which sends files with a key or in pieces, is told as a machine is."""
    if "Idempotency-Key" in request.headers or "Tus-Resumable" in request.headers:
        return problem.response()
    minutes = -(-(problem.retry_after or 0) // 60)
    response = render(request, "prescriptions/wait.html", {"minutes": minutes}, status=problem.status)
    for name, value in problem.all_headers().items():
        response.headers[name] = value
    return response
