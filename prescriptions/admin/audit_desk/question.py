"""What the desk is asked: by whom, what, when, about which prescription or order; and the answer, a page at a time.

Every answer ends in an index, newest first, and nothing is counted: a million events cost what a hundred do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions.admin import searching
from prescriptions.admin.audit_desk import words
from prescriptions.models import ApiToken, AuditEvent, Prescription

PAGE: Final = 50
_CHUNK: Final = 1000
# An order has a handful of prescriptions; more would be a beginning that many orders share.
_OF_ORDER: Final = 100
_ACTOR: Final = re.compile(r"(?:staff|client):[0-9a-z]{1,32}|customer|link|system|nobody")
_CHAIN: Final = re.compile(r"user-[0-9a-z]{1,20}|token-[0-9a-z]{1,20}|edge-[a-z0-9-]{1,27}|clients|roles")
_CURSOR: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,18})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.get_fixed_timezone(0))
# Days are asked for within these: nothing is older or younger, and UTC may not have what is.
_FIRST: Final = date(1970, 1, 1)
_LAST: Final = date(9990, 1, 1)
_DAY: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class QuestionForm(forms.Form):
    """All of it may be left out. `before`: where the page begins, as `cursor` wrote it."""

    who = forms.CharField(
        label=gettext_lazy("Who"),
        required=False,
        max_length=150,
        help_text=gettext_lazy("A user, a program, customer, link or system"),
    )
    verb = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_DAY)
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=_DAY)
    rx = forms.CharField(
        label=gettext_lazy("Prescription"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("Reference, or its first 4 characters or more"),
    )
    order = forms.CharField(label=gettext_lazy("Order"), required=False, max_length=64)
    before = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        choices: Any = [("", _("Everything")), *words.choices()]
        self.fields["verb"].choices = choices  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", "rx-input")

    def clean_who(self) -> str:
        """As the log has it: `staff:5`."""
        name: str = self.cleaned_data["who"].strip()
        return _actor_named(name) if name else ""

    def clean_rx(self) -> Q:
        typed: str = self.cleaned_data["rx"].strip()
        if not typed or _CHAIN.fullmatch(typed):
            return Q(rx=typed) if typed else Q()
        wanted = searching.by_rx("rx", typed)
        if wanted == Q(pk__in=()):
            raise forms.ValidationError(_("A reference has digits and the letters a to f, four of them or more."))
        return wanted

    def clean_order(self) -> Q:
        typed: str = self.cleaned_data["order"].strip().lower()
        if not typed:
            return Q()
        rows = (
            Prescription.objects.filter(order_lowered__begins=typed) if typed.isascii() else Prescription.objects.none()
        )
        rxs = list(rows.values_list("pk", flat=True)[: _OF_ORDER + 1])
        if not rxs or len(rxs) > _OF_ORDER:
            found = (
                _("No prescription came with this order.")
                if not rxs
                else _("Too many orders begin so. Type more of it.")
            )
            raise forms.ValidationError(found)
        return Q(rx__in=rxs)

    def clean_before(self) -> tuple[datetime, int] | None:
        match = _CURSOR.fullmatch(self.cleaned_data["before"])
        return (_EPOCH + timedelta(microseconds=int(match[1])), int(match[2])) if match else None

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        since, until = told.get("since"), told.get("until")
        if since and until and since > until:
            self.add_error("until", _("This is before the first day."))
        return told


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, checked. `rx`: the one chain that was asked for, or empty."""

    matching: Q
    before: tuple[datetime, int] | None
    rx: str
    told: dict[str, str]

    @classmethod
    def of(cls, form: QuestionForm) -> "Question":
        """Of a form that is valid."""
        told = form.cleaned_data
        matching = told["rx"] & told["order"]
        if told["who"]:
            matching &= Q(actor=told["who"])
        if told["verb"]:
            matching &= Q(verb=told["verb"])
        if told["since"]:
            matching &= Q(at__gte=_beginning(told["since"]))
        if told["until"]:
            matching &= Q(at__lt=_beginning(min(told["until"], _LAST) + timedelta(days=1)))
        typed = form.data.get("rx", "").strip()
        named = {name: str(told[name]) for name in ("who", "verb", "since", "until") if told[name]}
        # An order's reference is the shop's own, and stays out of the log.
        named |= {"rx": typed} if typed else {}
        named |= {"order": "given"} if form.data.get("order", "").strip() else {}
        exact = len(typed) == 32 or _CHAIN.fullmatch(typed)
        return cls(matching, told["before"], typed if exact else "", named)

    def page(self) -> tuple[list[AuditEvent], str]:
        """The events of one page, and the cursor of the next one, empty on the last."""
        rows = list(self._rows(self.before)[: PAGE + 1])
        return rows[:PAGE], cursor(rows[PAGE - 1]) if len(rows) > PAGE else ""

    def more_than(self, most: int) -> bool:
        return self._rows(None)[: most + 1].count() > most

    def everything(self, most: int) -> Iterator[AuditEvent]:
        """All of it, in pieces that begin where the last one ended: what is written meanwhile changes nothing."""
        after: tuple[datetime, int] | None = None
        for _start in range(0, most, _CHUNK):
            rows = list(self._rows(after)[:_CHUNK])
            yield from rows
            if len(rows) < _CHUNK:
                return
            after = (rows[-1].at, rows[-1].pk)

    def _rows(self, before: tuple[datetime, int] | None) -> QuerySet[AuditEvent]:
        rows = AuditEvent.objects.filter(self.matching)
        if before is not None:
            at, pk = before
            rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk), at__lte=at)
        return rows.order_by("-at", "-pk")


def cursor(event: AuditEvent) -> str:
    """The place of an event in the list, for an address."""
    return f"{(event.at - _EPOCH) // timedelta(microseconds=1)}-{event.pk}"


def _beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(min(max(day, _FIRST), _LAST), time()))


def _actor_named(name: str) -> str:
    if _ACTOR.fullmatch(name):
        return name
    user = get_user_model().objects.filter(username__iexact=name).values_list("pk", flat=True).first()
    if user is not None:
        return f"staff:{user}"
    tokens = list(ApiToken.objects.filter(Q(name__iexact=name) | Q(pk=name)).values_list("pk", flat=True)[:10])
    if len(tokens) > 1:
        several = _("Several programs have this name. Type one of: %(ids)s.")
        raise forms.ValidationError(several % {"ids": ", ".join(f"client:{pk}" for pk in tokens)})
    if not tokens:
        raise forms.ValidationError(_("Nobody has this name."))
    return f"client:{tokens[0]}"
