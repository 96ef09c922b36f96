"""The customer's pages: upload and see the prescriptions of one order. Plain forms; they work without JavaScript.

Only the holder of a signed order link gets here; for everybody else there is nothing (404).
"""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views import View

from prescriptions import intake, links, orders, variants
from prescriptions.forms import UploadForm
from prescriptions.models import Page, Prescription
from prescriptions.orders import OrderLink
from prescriptions.problems import Problem
from transforms.presets import preset


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's thumbnail and preview, ready for a template."""

    page: Page
    thumb: str
    width: int
    height: int
    preview: str


class OrderPage(View):
    """Form and what was received so far. `?link=` opens the order and moves into a cookie of this path alone."""

    bare = False  # True: /upload/, the same form without an order's address

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        order_ref = str(kwargs.pop("order_ref", ""))
        signed = request.GET.get("link")
        link = orders.verify(signed if signed is not None else request.COOKIES.get(orders.COOKIE, ""))
        if link is None or (not self.bare and link.order_ref != order_ref):
            raise Http404
        if signed is not None:
            return self._open(request, link)
        self.link = link
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        return response  # type: ignore[return-value]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, UploadForm(), received=request.GET.get("received", ""))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form, status=400)
        try:
            prescription = intake.accept(
                form.cleaned_data["files"], client=self.link.client, order_ref=self.link.order_ref
            )
        except Problem as problem:
            if problem.status >= 500:
                raise
            form.explain(problem)
            return self._page(request, form, status=problem.status)
        return HttpResponseRedirect(f"{request.path}?received={prescription.id}", status=303)

    def _open(self, request: HttpRequest, link: OrderLink) -> HttpResponse:
        """Take the link out of the address bar: an address is copied, kept in histories and sent as a referrer."""
        response = HttpResponseRedirect(request.path, status=303)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            orders.COOKIE,
            link.signed,
            expires=_http_time(link.expires),
            path=request.path.rsplit("/", 1)[0] + "/",
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response

    def _page(self, request: HttpRequest, form: UploadForm, *, received: str = "", status: int = 200) -> HttpResponse:
        rows = Prescription.objects.filter(
            order_ref=self.link.order_ref, client=self.link.client, erased_at=None, links_cut_at=None
        ).prefetch_related("pages")
        uploads = [(row, [_picture(page) for page in row.pages.all()]) for row in rows]
        context = {
            "form": form,
            "link": self.link,
            "uploads": uploads,
            "received": next((row for row, _ in uploads if row.id == received), None),
        }
        return render(request, "prescriptions/order.html", context, status=status)


def _picture(page: Page) -> Picture:
    token, size = links.mint(page.prescription_id), variants.size_of(page)
    thumb, preview = preset("thumb", size), preset("preview", size)
    rx = page.prescription_id
    return Picture(
        page,
        links.variant_path(rx, page.number, thumb, token),
        thumb.size.width,
        thumb.size.height,
        links.variant_path(rx, page.number, preview, token),
    )


def _http_time(moment: int) -> str:
    from django.utils.http import http_date

    return http_date(moment)
