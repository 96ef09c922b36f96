"""The customer's page of an order: choose and send a prescription. Plain forms do everything; upload.js only makes it
smoother."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext

from prescriptions.audit import actors
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.intake import drafts, handovers, refusals, submission
from prescriptions.intake.customers import progress
from prescriptions.models import Prescription, new_identifier
from prescriptions.order_pages import qr, returning
from prescriptions.order_pages import status as order_status
from prescriptions.order_pages.access import PHONE, OrderView
from prescriptions.order_pages.draft_files import described
from prescriptions.order_pages.forms import ACCEPT, SubmitForm
from prescriptions.variants import links
from prescriptions.variants.pictures import Picture, picture
from transforms.limits import LIMITS


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line of the error summary and the field that it leads to."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A prescription that may be used again, its first page, and whether it is."""

    prescription: Prescription
    thumb: Picture
    preview: Picture
    used: bool


class OrderPage(OrderView):
    """The upload page as long as nothing was sent, or with `?send`; the status page after that."""

    def get(self, request: HttpRequest) -> HttpResponse:
        sent = progress.of_order(self.link)
        if sent and "send" not in request.GET:
            if not self.link.shows:
                shown = {"link": self.link, "base": self.base, "back": returning.address(self.link, sent)}
                return render(request, "prescriptions/sent.html", shown)
            return order_status.show(self, request, sent)
        return self._upload(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        action, _, target = request.POST.get("action", "send").partition(":")
        if action == "phone":
            return self._upload(request, code=qr.of(absolute(f"{PHONE}?link={handovers.begin(self.link)}")))
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
        complaints, order = [], request.POST.getlist("order")
        files = form.cleaned_data["files"]
        sending = submission.Sending.of(request.POST.get("key", ""), order, files)
        if send and submission.was_sent(self.link, sending):
            return HttpResponseRedirect(self.base, status=303)
        status, retry_after = 400, None
        for file in files:
            try:
                order.append(drafts.add(self.link, file, key=sending.key_of(file)).pk)
            except Problem as problem:
                complaints.append(Complaint("files", problem.detail))
                status, retry_after = problem.status, problem.retry_after
        if not send and not complaints:
            return HttpResponseRedirect(f"{self.base}?send#files", status=303)
        if send:
            if not complaints and not order:
                complaints.append(Complaint("choose", gettext("Choose at least one photo, scan or PDF.")))
            complaints += [Complaint("consent", str(text)) for text in form.errors.get("consent", [])]
            if not complaints:
                try:
                    submission.submit(self.link, order, sending)
                    return HttpResponseRedirect(self.base, status=303)
                except Problem as problem:
                    complaints.append(Complaint("files", problem.detail))
                    status, retry_after = problem.status, problem.retry_after
        answer = self._upload(request, complaints, agreed=agreed, status=status)
        if retry_after is not None:
            answer.headers["Retry-After"] = str(retry_after)
        return answer

    def _upload(
        self,
        request: HttpRequest,
        complaints: Sequence[Complaint] = (),
        *,
        agreed: bool = False,
        status: int = 200,
        code: qr.Code | None = None,
    ) -> HttpResponse:
        context = {
            "link": self.link,
            "base": self.base,
            "key": new_identifier(),  # whoever sends this page's form twice has sent it once
            "complaints": complaints,
            "consent_error": next((c.text for c in complaints if c.field == "consent"), ""),
            "agreed": agreed,
            "consent": SubmitForm.base_fields["consent"].label,
            "files": described(self.link),
            "code": code,
            "reusable": self._reusable(),
            "sent": bool(progress.of_order(self.link)),
            "accept": ACCEPT,
            "formats": refusals.FORMATS,
            "limits": refusals.BYTES,
            "files_path": self.under("files"),
            "rules": rules(self),
        }
        return render(request, "prescriptions/upload.html", context, status=status)

    def _reusable(self) -> list[Earlier]:
        """With a picture to know each by, and whether it is in the list already."""
        rows = progress.reusable(self.link)
        tokens = links.hand_out([row.pk for row in rows], actors.CUSTOMER)
        used = drafts.reused(self.link)
        found = []
        for row in rows:
            first, token = row.pages.all()[0], tokens[row.pk]
            thumb, preview = (picture(first, size, token) for size in ("thumb", "preview"))
            found.append(Earlier(row, thumb, preview, row.pk in used))
        return found

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


def rules(view: OrderView) -> dict[str, Any]:
    """Limits and sentences for upload.js: it says beforehand, in the same words, what the server would say."""
    return {
        "phone": view.phone,
        "files": view.under("files"),
        "uploads": view.under("uploads"),
        "accept": ACCEPT.split(","),
        "most": LIMITS.order_files,
        "image": LIMITS.image_bytes,
        "pdf": LIMITS.pdf_bytes,
        "small": LIMITS.small_side_advice,
        "dark": LIMITS.dark_luminance_advice,
        "blurred": LIMITS.blurred_advice,
        "say": {
            "type": refusals.template("unsupported-media-type"),
            "size": refusals.template("source-too-large"),
            "empty": refusals.template("source-empty"),
            "many": refusals.template("too-many-files"),
            "twice": gettext("%(file)s is already in the list."),
            "small": gettext("Looks small: the text may be too fine to read. Retake it closer, or keep it."),
            "dark": gettext("Looks dark. Retake it in better light, or keep it."),
            "blurry": gettext("Looks blurred. Hold still and retake it, or keep it."),
            "added": gettext("%(file)s was added."),
            "removed": gettext("%(file)s was removed."),
            "moved": gettext("%(file)s is now number %(place)s."),
            "lost": gettext("%(file)s did not get through. Check your connection and try again."),
            "offline": gettext("%(file)s waits for the connection. It goes on by itself when it is back."),
            "unfinished": gettext(
                "%(there)s of %(size)s have arrived of %(file)s. Choose the same file again: it goes on from there."
            ),
            "lessened": gettext("Made smaller for your slow line: %(size)s instead of %(full)s."),
            "consent": str(SubmitForm.base_fields["consent"].error_messages["required"]),
            "later": gettext("Your files are still on their way. They will be sent for review as soon as they arrive."),
            "cancel": gettext("Cancel %(file)s"),
            "problem": gettext("Not sent yet. First put right what is marked in the list."),
        },
    }
