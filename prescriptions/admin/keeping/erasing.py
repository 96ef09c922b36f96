"""Erasure from the admin: asked for on one page, confirmed on another (by another person, where four eyes are wanted),
proved on the first.
"""

from datetime import date

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from prescriptions.admin import chips
from prescriptions.admin.base import may
from prescriptions.admin.keeping import asking
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import ErasureRequest, OverrideReason, Prescription, Variant
from prescriptions.upkeep import erasure, four_eyes, proof, together

PERMISSION = "delete_prescription"


@methods("GET", "HEAD", "POST")
def confirm(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Ask, and once confirmed erase. What must be kept is kept, and its page says why."""
    prescription = asking.found(request, rx, PERMISSION)
    if prescription.erased_at is not None:
        messages.info(request, _("It is erased already."))
        return asking.back(rx)
    if (elsewhere := asking.confirmed(request)) is not None:
        return elsewhere
    if request.method == "POST":
        _act(request, prescription)
        return asking.back(rx)
    asked, actor = four_eyes.waiting(prescription), actors.staff(request.user)
    return asking.show(
        request,
        site,
        "erase",
        prescription,
        _("Erase this prescription?"),
        kept=erasure.kept_because(prescription, four_eyes.override_of(asked)),
        held=bool(prescription.legal_hold),
        overrides=OverrideReason.choices if may(request, "override_retention") else (),
        four_eyes=settings.RX_ERASURE_FOUR_EYES,
        asked=asked,
        mine=asked is not None and not four_eyes.may_agree(asked, actor),
        pages=prescription.pages.count(),
        files=prescription.documents.count(),
        variants=Variant.objects.filter(page__prescription=rx).count(),
    )


@methods("GET", "HEAD", "POST")
def confirm_all(request: HttpRequest, rx: str, by: str, *, site: AdminSite) -> HttpResponse:
    """The same for all prescriptions of this one's patient or order."""
    prescription = asking.found(request, rx, PERMISSION)
    wanted = asking.whose(prescription, by)
    if (elsewhere := asking.confirmed(request)) is not None:
        return elsewhere
    if request.method == "POST":
        _act_on_all(request, wanted)
        return asking.back(rx)
    rows: QuerySet[Prescription] = together.find(Prescription.objects.select_related("review"), wanted)
    shown = list(rows[: together.AT_ONCE + 1])
    return asking.show(
        request,
        site,
        "erase_all",
        prescription,
        _("Erase all of this patient?") if by == "patient_ref" else _("Erase all of this order?"),
        rows=[(row, erasure.kept_because(row)) for row in shown[: together.AT_ONCE]],
        more=len(shown) > together.AT_ONCE,
        four_eyes=settings.RX_ERASURE_FOUR_EYES,
    )


def _act(request: HttpRequest, prescription: Prescription) -> None:
    actor = actors.staff(request.user)
    if "drop" in request.POST:
        four_eyes.drop(prescription, actor=actor)
        messages.info(request, _("Nobody is asked to erase it any more."))
        return
    try:
        asked = four_eyes.erase(prescription, actor=actor, override=asking.override_in(request))
    except Problem as problem:  # 409: kept by law or hold
        messages.error(request, f"{problem.title}. {problem.detail}")
    except StorageUnavailable:
        messages.warning(
            request,
            _("Nobody can see it any more. The file storage does not answer now; its files go as soon as it does."),
        )
    else:
        if asked is not None:
            messages.warning(request, waits(asked))
        else:
            messages.success(request, _("Erased. The proof follows once the storage was found empty a second time."))


def _act_on_all(request: HttpRequest, wanted: together.Whose) -> None:
    try:
        outcomes, left = together.erase(Prescription.objects.all(), wanted, actor=actors.staff(request.user))
    except Problem as problem:
        messages.error(request, f"{problem.title}. {problem.detail}")
        return
    except StorageUnavailable:
        messages.warning(request, _("The file storage does not answer now. Send it again as soon as it does."))
        return
    count = [outcome.status for outcome in outcomes].count
    erased, waiting, kept = (count(status) for status in ("erased", "waiting", "kept"))
    for level, number, text in (
        (messages.SUCCESS, erased, ngettext("%d prescription erased.", "%d prescriptions erased.", erased)),
        (messages.WARNING, waiting, ngettext("%d waits for another person.", "%d wait for another person.", waiting)),
        (messages.ERROR, kept, ngettext("%d must be kept.", "%d must be kept.", kept)),
    ):
        if number:
            messages.add_message(request, level, text % number)
    if left:
        messages.warning(request, _("More are left: send it again."))


def waits(asked: ErasureRequest) -> str:
    """That somebody else has to agree, and until when."""
    return _("%(who)s asked to erase it. Another person has to agree until %(until)s; until then it stays.") % {
        "who": asked.asked_by_name or asked.asked_by,
        "until": chips.moment(asked.expires_at),
    }


def proof_of(prescription: Prescription) -> SafeString | str:
    """What was proved, part by part, and what was not."""
    proved = proof.of(prescription)
    if proved is None:
        return ""
    lines = [_("Closed for everybody: %(at)s") % {"at": chips.moment(proved.erased)}, *_of_event(prescription, proved)]
    lines.append(
        _("Storage proved empty, in all versions: %(at)s") % {"at": chips.moment(proved.objects)}
        if proved.objects
        else _("Storage not proved empty yet; the next sweep looks again")
    )
    lines.append(_("No row of its pages and files is left") if proved.rows else _("Rows of its pages are still there"))
    lines.append(
        _maybe(
            proved.store,
            _("The store has written its volumes anew, without the deleted bytes"),
            _("The store has not written its volumes anew yet; the deleted bytes may still be in them"),
            _("Not known: when the store gives up deleted bytes (RX_STORE_COMPACT_URL is not set)"),
        )
    )
    lines.append(
        _maybe(
            proved.database,
            _("The database's file and its log have been overwritten where it stood"),
            _("The database's log has not been emptied yet"),
            _("Not known: when PostgreSQL uses the pages again in which it stood"),
        )
    )
    if proved.edges:
        lines.append(_("No edge has it in memory since %(at)s at the latest") % {"at": chips.moment(proved.edges)})
    lines.append(_("No browser shows it from its own cache after %(at)s") % {"at": chips.moment(proved.browsers)})
    lines.append(
        _("In the ledger since %(at)s: a restored database forgets it again") % {"at": chips.moment(proved.ledger)}
        if proved.ledger
        else _("Not in the ledger of erasures yet")
    )
    lines.append(_of_backups(proved.backups))
    lines.append(_("The audit log is whole") if proved.audit_whole else _("The audit log is NOT whole"))
    return format_html('<ul class="rx-proof">{}</ul>', format_html_join("", "<li>{}</li>", [(line,) for line in lines]))


def _of_event(prescription: Prescription, proved: proof.Proof) -> list[str]:
    event = proof.event_of(prescription)
    if event is None:
        return []
    who = {"who": event.actor_name or event.actor, "seq": event.seq, "hash": event.hash}
    lines = [_("Erased by %(who)s; event %(seq)d of the audit log, hash %(hash)s") % who]
    if event.data.get("asked_by"):
        lines.append(_("Asked for by %(who)s") % {"who": event.data["asked_by"]})
    if event.data.get("rule"):
        lines.append(_("By the rule for prescriptions that are: %(rule)s") % {"rule": event.data["rule"]})
    if event.data.get("override"):
        why = {"why": OverrideReason(event.data["override"]).label, "file": event.data.get("reference", "")}
        lines.append(_("Although it had to be kept: %(why)s %(file)s") % why)
    return lines


def _of_backups(until: date) -> str:
    told = {"date": date_format(until, "j F Y")}
    if until < timezone.localdate():
        return _("Back-ups that had it ran out on %(date)s") % told
    return _("Not in question here: back-ups. The last one that has it runs out on %(date)s") % told


def _maybe(known: bool | None, yes: str, no: str, unknown: str) -> str:
    return unknown if known is None else yes if known else no
