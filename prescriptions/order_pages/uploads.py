"""Files in pieces (tus 1.0), for the holder of an order's link. What is whole is a file of the draft, as if it had come
at once.
"""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import CSRFCheck

from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.intake import drafts
from prescriptions.intake.order_links import OrderLink
from prescriptions.intake.refusals import refused
from prescriptions.intake.tus import protocol, uploads
from prescriptions.intake.tus.arrived import Arrived
from prescriptions.intake.tus.uploads import Sender
from prescriptions.models import DraftFile, Incoming
from prescriptions.order_pages.access import OrderView, presented
from transforms.limits import LIMITS

# Of one order, at one time: as many again as it can send, for those who began anew.
_MOST: Final = 2 * LIMITS.order_files


def sender_of(link: OrderLink) -> Sender:
    return Sender(uploads.owner_of_order(**drafts.whose(link)), link.client, _MOST)


def finished(link: OrderLink, row: Incoming) -> Incoming:
    """A file of the draft, if it is whole. Whoever asks next does what one who died has left.

    Raises Problem as `drafts.add`; what intake refuses is over.
    """
    if not row.whole or row.closed:
        return row

    def taken(file: DraftFile) -> None:
        uploads.take([row], file.draft_id, file.pk)

    try:
        drafts.add(link, Arrived(row), key=row.pk, taken=taken)
    except Problem as problem:
        if problem.status in (413, 415, 422) and problem.code not in ("too-many-files", "too-many-pages"):
            uploads.end(row)  # the others may fit once something was removed
        if problem.code != "upload-used":
            raise
    return Incoming.objects.get(pk=row.pk)


def draft_file(link: OrderLink, incoming: str) -> DraftFile:
    """What a whole file has become. Raises Problem 404, 409 (it was removed or sent), 410, 422, and as `drafts.add`."""
    row = finished(link, uploads.find(sender_of(link), incoming))
    if not row.whole:
        raise Problem(
            422, "upload-incomplete", "Not all of it has come", f"{row.offset} of {row.length} bytes have come."
        )
    file = drafts.find(link, row.file)
    if file is None:
        raise refused("draft-closed", 409, file="")
    return file


@method_decorator(csrf_exempt, name="dispatch")  # who sends the link itself is no forgery; cookies are checked below
class _Tus(OrderView):
    """By the page's cookie, or with the link as a bearer token: for programs, and pages of other origins."""

    bearers = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = self._dispatch(request, *args, **kwargs)
        except Problem as problem:
            response = problem.response()
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in protocol.SPOKEN.items():
            response.headers[name] = value
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(status=204, headers=protocol.ABILITIES)

    def _dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if (self.phone or not presented(request)) and _is_forged(request):
            raise Problem(403, "forbidden", "Not allowed", "Send the page's X-CSRFToken.")
        return super().dispatch(request, *args, **kwargs)


def _is_forged(request: HttpRequest) -> bool:
    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    check = CSRFCheck(view)
    check.process_request(request)
    return check.process_view(request, view, (), {}) is not None


class OrderUploads(_Tus):
    """`POST` begins a file."""

    def post(self, request: HttpRequest) -> HttpResponse:
        drafts.refuse_full(self.link)
        row = protocol.begin(request, sender_of(self.link), prescribes=False)
        address = absolute(self.under(f"uploads/{row.pk}"))
        return HttpResponse(status=201, headers={**protocol.told(row), "Location": address})


class OrderUpload(_Tus):
    """One file: how far it is, the next piece, the end. `Location`: the file of the draft that it became."""

    def head(self, request: HttpRequest, incoming: str) -> HttpResponse:
        protocol.check_version(request)
        return self._told(self._find(incoming), status=200)

    def patch(self, request: HttpRequest, incoming: str) -> HttpResponse:
        return self._told(protocol.append(request, self._find(incoming)), status=204)

    def delete(self, request: HttpRequest, incoming: str) -> HttpResponse:
        protocol.check_version(request)
        uploads.end(self._find(incoming))
        return HttpResponse(status=204)

    def _find(self, incoming: str) -> Incoming:
        return uploads.find(sender_of(self.link), incoming)

    def _told(self, row: Incoming, *, status: int) -> HttpResponse:
        row = finished(self.link, row)
        became = {"Location": absolute(self.under(f"files/{row.file}"))} if row.file else {}
        return HttpResponse(status=status, headers={**protocol.told(row), **became})
