"""Files of a draft, one by one: what upload.js sends and what it shows. Nothing of a draft is anybody else's to see."""

import hashlib

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from prescriptions.infra.problems import Problem
from prescriptions.intake import drafts, handovers
from prescriptions.intake.notices import Found, gathered
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import DraftFile
from prescriptions.order_pages import uploads
from prescriptions.order_pages.access import OrderView
from prescriptions.variants import delivery


class DraftFiles(OrderView):
    """`POST` one file, or as `upload` the id of one that came in pieces: checked, kept and described. The
    Idempotency-Key makes a repeated POST harmless. `GET`: all of them, for a page that another device sends to; 304
    while nothing has changed.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "files": described(self.link),
            "files_path": self.under("files"),
            "link": self.link,
            "standing": handovers.standing(self.link),
        }
        response = render(request, "prescriptions/upload_files.html", context)
        etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if delivery.unchanged(request, etag):
            return HttpResponse(status=304, headers=headers)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            row = self._added(request)
        except Problem as problem:
            return problem.response()
        context = {
            "file": row,
            "notices": gathered(enumerate(row.notices, 1)),
            "files_path": self.under("files"),
            "link": self.link,
            "mine": True,
        }
        return render(request, "prescriptions/upload_file.html", context, status=201)

    def _added(self, request: HttpRequest) -> DraftFile:
        if incoming := request.POST.get("upload"):
            return uploads.draft_file(self.link, incoming)
        file = request.FILES.get("file")
        if file is None:
            raise Problem(400, "invalid", "The request is not valid", gettext("Choose a file."))
        return drafts.add(self.link, file, key=request.headers.get("Idempotency-Key", "")[:100])


def described(link: OrderLink) -> list[tuple[DraftFile, list[Found]]]:
    """The draft's files, and what is to be said of each."""
    return [(file, gathered(enumerate(file.notices, 1))) for file in drafts.files_of(link)]


class DraftThumbnail(OrderView):
    """The first page of a file that is not sent yet, for its owner's eyes."""

    shows = True

    def get(self, _request: HttpRequest, file_id: str) -> HttpResponse:
        picture = drafts.thumbnail(self.link, file_id)
        if picture is None:
            raise Http404
        headers = {
            "Cache-Control": "private, max-age=3600, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox",
        }
        return HttpResponse(picture, content_type="image/webp", headers=headers)
