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
from prescriptions.audit import listings
from prescriptions.models import ApiToken, AuditEvent, Prescription
from transforms.keys import is_id

PAGE: Final = 50
_CHUNK: Final = 1000
# An order has a handful of prescriptions, and so has what is typed of a reference; more would be a beginning that many
# share.
_AT_ONCE: Final = 100
_ACTOR: Final = re.compile(r"(?:staff|client):[0-9a-z]{1,32}|customer|link|system|nobody")
_CHAIN: Final = re.compile(
    r"user-[0-9a-z]{1,20}|token-[0-9a-z]{1,20}|edge-[a-z0-9-]{1,27}|list-[0-9]{10}-[0-9a-f]{16}|clients|roles"
)
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

    def clean_rx(self) -> "_About | None":
        typed: str = self.cleaned_data["rx"].strip()
        if not typed or _CHAIN.fullmatch(typed):
            return _About(Q(rx=typed), frozenset()) if typed else None
        wanted = searching.by_rx("rx", typed)
        if wanted == Q(pk__in=()):
            raise forms.ValidationError(_("A reference has digits and the letters a to f, four of them or more."))
        rows = Prescription.objects.filter(searching.by_rx("pk", typed)).order_by().values_list("pk", flat=True)
        rxs = frozenset([typed] if is_id(typed) else rows[: _AT_ONCE + 1])
        if len(rxs) > _AT_ONCE:
            raise forms.ValidationError(_("Too many prescriptions begin so. Type more of it."))
        return _About(wanted, rxs)

    def clean_order(self) -> "_About | None":
        typed: str = self.cleaned_data["order"].strip().lower()
        if not typed:
            return None
        rows = (
            Prescription.objects.filter(order_lowered__begins=typed) if typed.isascii() else Prescription.objects.none()
        )
        rxs = list(rows.values_list("pk", flat=True)[: _AT_ONCE + 1])
        if not rxs or len(rxs) > _AT_ONCE:
            found = (
                _("No prescription came with this order.")
                if not rxs
                else _("Too many orders begin so. Type more of it.")
            )
            raise forms.ValidationError(found)
        return _About(Q(rx__in=rxs), frozenset(rxs))

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
class _About:
    """Which chains are asked for, and which prescriptions: lists that had these belong to the answer."""

    chains: Q
    rxs: frozenset[str]

    def __and__(self, other: "_About | None") -> "_About":
        return self if other is None else _About(self.chains & other.chains, self.rxs & other.rxs)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, checked. `about`: None: everything; `rx`: the one chain that was asked for, or empty."""

    matching: Q
    about: _About | None
    before: tuple[datetime, int] | None
    rx: str
    told: dict[str, str]

    @classmethod
    def of(cls, form: QuestionForm) -> "Question":
        """Of a form that is valid."""
        told = form.cleaned_data
        about = told["rx"] & told["order"] if told["rx"] else told["order"]
        matching = Q(actor=told["who"]) if told["who"] else Q()
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
        return cls(matching, about, told["before"], typed if exact else "", named)

    def page(self) -> tuple[list[AuditEvent], str]:
        """The events of one page, and the cursor of the next one, empty on the last."""
        rows = self._rows(self.before, PAGE + 1)
        return rows[:PAGE], cursor(rows[PAGE - 1]) if len(rows) > PAGE else ""

    def more_than(self, most: int) -> bool:
        return sum(rows[: most + 1].count() for rows in self._kinds(None)) > most

    def everything(self, most: int) -> Iterator[AuditEvent]:
        """All of it, in pieces that begin where the last one ended: what is written meanwhile changes nothing."""
        after: tuple[datetime, int] | None = None
        for _start in range(0, most, _CHUNK):
            rows = self._rows(after, _CHUNK)
            yield from rows
            if len(rows) < _CHUNK:
                return
            after = (rows[-1].at, rows[-1].pk)

    def _rows(self, before: tuple[datetime, int] | None, most: int) -> list[AuditEvent]:
        found = [event for rows in self._kinds(before) for event in rows[:most]]
        return sorted(found, key=lambda event: (event.at, event.pk), reverse=True)[:most]

    def _kinds(self, before: tuple[datetime, int] | None) -> list[QuerySet[AuditEvent]]:
        """Two at most, and no event is in both: each ends in an index of its own."""
        kinds: list[QuerySet[AuditEvent]] = [AuditEvent.objects.filter(self.about.chains if self.about else Q())]
        if self.about and self.about.rxs:
            kinds.append(listings.with_any(self.about.rxs))
        return [self._asked(rows, before) for rows in kinds]

    def _asked(self, rows: QuerySet[AuditEvent], before: tuple[datetime, int] | None) -> QuerySet[AuditEvent]:
        rows = rows.filter(self.matching)
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
