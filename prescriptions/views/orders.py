"""The customer's pages of one order: choose and send a prescription, then see how it fares. Plain forms do everything;
upload.js and status.js only make it smoother.

Only the holder of a signed order link gets here; for everybody else there is nothing (404).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import http_date
from django.utils.translation import gettext
from django.views import View

from prescriptions import delivery, drafts, links, orders, progress, refusals, variants
from prescriptions.forms import ACCEPT, SubmitForm
from prescriptions.models import Page
from prescriptions.orders import OrderLink
from prescriptions.problems import Problem
from prescriptions.progress import Progress
from transforms.limits import LIMITS
from transforms.presets import preset


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's thumbnail and preview, ready for a template."""

    page: Page
    thumb: str
    width: int
    height: int
    preview: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line of the error summary and the field that it leads to."""

    field: str
    text: str


class OrderView(View):
    """Base of everything under an order: `self.link` is the verified link, `self.base` the order's page."""

    bare = False  # True: under /upload/, the same pages without an order's address
    link: OrderLink
    base: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        order_ref = str(kwargs.pop("order_ref", ""))
        signed = request.GET.get("link")
        link = orders.verify(signed if signed is not None else request.COOKIES.get(orders.COOKIE, ""))
        if link is None or (not self.bare and link.order_ref != order_ref):
            raise Http404
        self.base = "/upload/" if self.bare else f"/orders/{order_ref}/prescription"
        if signed is not None:
            return self._open(request, link)
        self.link = link
        response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def _open(self, request: HttpRequest, link: OrderLink) -> HttpResponse:
        """Take the link out of the address bar: an address is copied, kept in histories and sent as a referrer."""
        response = HttpResponseRedirect(request.path, status=303)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            orders.COOKIE,
            link.signed,
            expires=http_date(link.expires),
            path=self.base.rpartition("/")[0] + "/",
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response


class OrderPage(OrderView):
    """The upload page as long as nothing was sent, or with `?send`; the status page after that."""

    def get(self, request: HttpRequest) -> HttpResponse:
        sent = progress.of_order(self.link)
        if sent and "send" not in request.GET:
            context = {**_status_context(self.link, self.base, sent), "unsent": len(drafts.files_of(self.link))}
            return render(request, "prescriptions/status.html", context)
        return self._upload(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        action, _, target = request.POST.get("action", "send").partition(":")
        handle = self._ACTIONS.get(action)
        if handle is not None:
            handle(self, request, target)
            if action == "order":  # upload.js reports what it has already done on the page
                return HttpResponse(status=204)
            return HttpResponseRedirect(f"{self.base}?send#files", status=303)
        return self._take(request, send=action == "send")

    def _take(self, request: HttpRequest, *, send: bool) -> HttpResponse:
        """Files that pass are kept even if others do not, so that nothing has to be chosen twice."""
        form = SubmitForm(request.POST, request.FILES)
        agreed = form.is_valid()
        complaints = []
        status = 400
        for file in form.cleaned_data["files"]:
            try:
                drafts.add(self.link, file)
            except Problem as problem:
                complaints.append(Complaint("files", problem.detail))
                status = problem.status
        if not send and not complaints:
            return HttpResponseRedirect(f"{self.base}?send#files", status=303)
        if send:
            if not complaints and not drafts.files_of(self.link):
                complaints.append(Complaint("choose", gettext("Choose at least one photo, scan or PDF.")))
            complaints += [Complaint("consent", text) for text in form.errors.get("consent", [])]
            if not complaints:
                drafts.submit(self.link, order=request.POST.getlist("order"))
                return HttpResponseRedirect(self.base, status=303)
        return self._upload(request, complaints, agreed=agreed, status=status)

    def _upload(
        self,
        request: HttpRequest,
        complaints: list[Complaint] | None = None,
        *,
        agreed: bool = False,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "link": self.link,
            "base": self.base,
            "complaints": complaints or [],
            "consent_error": next((c.text for c in complaints or [] if c.field == "consent"), ""),
            "agreed": agreed,
            "consent": SubmitForm.base_fields["consent"].label,
            "files": drafts.files_of(self.link),
            "reusable": progress.reusable(self.link),
            "sent": bool(progress.of_order(self.link)),
            "accept": ACCEPT,
            "formats": refusals.FORMATS,
            "rules": _rules(self.base),
        }
        return render(request, "prescriptions/upload.html", context, status=status)

    def _reuse(self, _request: HttpRequest, target: str) -> None:
        earlier = next((row for row in progress.reusable(self.link) if row.pk == target), None)
        if earlier is None:
            raise Http404
        drafts.reuse(self.link, earlier)

    _ACTIONS: dict[str, Callable[["OrderPage", HttpRequest, str], None]] = {  # noqa: RUF012 - a table, never changed
        "up": lambda self, _request, target: drafts.move(self.link, target, -1),
        "down": lambda self, _request, target: drafts.move(self.link, target, +1),
        "remove": lambda self, _request, target: drafts.remove(self.link, target),
        "order": lambda self, request, _target: drafts.arrange(self.link, request.POST.getlist("order")),
        "reuse": _reuse,
    }


class OrderStatus(OrderView):
    """The status cards alone, for polling: 304 while nothing has changed."""

    def get(self, request: HttpRequest) -> HttpResponse:
        sent = progress.of_order(self.link)
        context = _status_context(self.link, self.base, sent)
        pictures = [picture.thumb for _progress, row in context["cards"] for picture in row]
        state = repr([(item.prescription.pk, item.version, item.stage) for item in sent] + pictures)
        etag = f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if delivery.unchanged(request, etag):
            return HttpResponse(status=304, headers=headers)
        response = render(request, "prescriptions/status_cards.html", context)
        response.headers.update(headers)
        return response


class DraftFiles(OrderView):
    """`POST` one file: checked, kept and described. The Idempotency-Key makes a repeated POST harmless."""

    def post(self, request: HttpRequest) -> HttpResponse:
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Problem(400, "invalid", "The request is not valid", gettext("Choose a file."))
            row = drafts.add(self.link, file, key=request.headers.get("Idempotency-Key", "")[:100])
        except Problem as problem:
            return problem.response()
        return render(request, "prescriptions/upload_file.html", {"file": row, "base": self.base}, status=201)


class DraftThumbnail(OrderView):
    """The first page of a file that is not sent yet, for its owner's eyes."""

    def get(self, _request: HttpRequest, file_id: str) -> HttpResponse:
        picture = drafts.thumbnail(self.link, file_id)
        if picture is None:
            raise Http404
        headers = {
            "Cache-Control": "private, max-age=3600, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return HttpResponse(picture, content_type="image/webp", headers=headers)


def _status_context(link: OrderLink, base: str, sent: list[Progress]) -> dict[str, Any]:
    return {
        "link": link,
        "base": base,
        "cards": [(item, [_picture(page) for page in item.prescription.pages.all()]) for item in sent],
        "waiting": any(item.waiting for item in sent),
    }


def _rules(base: str) -> dict[str, Any]:
    """Limits and sentences for upload.js: it says beforehand, in the same words, what the server would say."""
    return {
        "files": f"{base.rstrip('/')}/files",
        "accept": ACCEPT.split(","),
        "most": refusals.MAX_FILES,
        "image": LIMITS.image_bytes,
        "pdf": LIMITS.pdf_bytes,
        "say": {
            "type": refusals.template("unsupported-media-type"),
            "size": refusals.template("source-too-large"),
            "empty": refusals.template("source-empty"),
            "many": refusals.template("too-many-files"),
            "twice": gettext("%(file)s is already in the list."),
            "small": gettext("Looks small: the text may be too fine to read. Retake it closer, or keep it."),
            "dark": gettext("Looks dark. Retake it in better light, or keep it."),
            "blurry": gettext("Looks blurred. Hold still and retake it, or keep it."),
            "waits": gettext("Waiting"),
            "sends": gettext("Sending"),
            "checks": gettext("Checking"),
            "added": gettext("%(file)s was added."),
            "removed": gettext("%(file)s was removed."),
            "moved": gettext("%(file)s is now number %(place)s."),
            "lost": gettext("%(file)s did not get through. Check your connection and try again."),
            "cut": gettext("%(file)s was not finished when the page closed. Choose it again."),
            "later": gettext("Your files are still on their way. They will be sent for review as soon as they arrive."),
            "up": gettext("Move %(file)s up"),
            "down": gettext("Move %(file)s down"),
            "remove": gettext("Remove %(file)s"),
            "cancel": gettext("Cancel %(file)s"),
            "problem": gettext("One file needs your attention before you can send."),
        },
    }


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
