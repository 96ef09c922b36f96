"""What all lists and rows of the admin share: they are for looking at, and cost the same however many rows there are.

The list is read in two steps: the keys of what could be paged through, then the rows of one page. The database sorts
keys alone, and nothing is ever counted beyond a bound.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property

from prescriptions import audit
from prescriptions.audit import actors

# Nobody turns that many pages; to find one row among more, people search.
BOUND = 1000
# What Django's filters of columns append: choices, dates, empty or not.
_ENDS = ("", "__exact", "__isnull", "__gte", "__lt", "__year", "__month", "__day")
REFERENCE_LENGTH = 8


class Bounded(Paginator):  # type: ignore[type-arg]
    """Pages of the first `BOUND` rows, in one query for their keys and one for the rows of a page."""

    @cached_property
    def keys(self) -> list[Any]:
        return list(self.object_list.values_list("pk", flat=True)[: BOUND + 1])  # type: ignore[attr-defined]

    @cached_property
    def count(self) -> int:
        return min(len(self.keys), BOUND)

    @property
    def more(self) -> bool:
        """Are there rows that cannot be paged to?"""
        return len(self.keys) > BOUND

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        keys = self.keys[(number - 1) * self.per_page : min(number * self.per_page, BOUND)]
        rows = {row.pk: row for row in self.object_list.filter(pk__in=keys)} if keys else {}  # type: ignore[attr-defined]
        return Page([rows[key] for key in keys if key in rows], number, self)


class Listing(ChangeList):
    """A change list that is read as `Bounded` says, and lets its admin see the rows of the page before they show."""

    def get_results(self, request: HttpRequest) -> None:
        paginator = self.paginator = self.paginated(request)
        try:
            self.result_list = list(paginator.page(self.page_num).object_list)
        except InvalidPage:
            raise IncorrectLookupParameters from None
        self.result_count, self.more = paginator.count, paginator.more
        self.multi_page = paginator.num_pages > 1
        self.show_full_result_count, self.full_result_count = False, None
        self.show_admin_actions, self.can_show_all = True, False
        self.model_admin.prepare(request, self.result_list)  # type: ignore[attr-defined]

    def paginated(self, request: HttpRequest) -> Bounded:
        return Bounded(self.queryset, self.list_per_page)

    @property
    def counted(self) -> str:
        """The number of results in words, for the foot of the list."""
        count = f"{BOUND:,}+" if self.more else str(self.result_count)
        one, many = self.model_admin.counted_as or (self.opts.verbose_name, self.opts.verbose_name_plural)  # type: ignore[attr-defined]
        return f"{count} {one if self.result_count == 1 else many}"


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that can be looked at, and not changed."""

    actions: Any = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would be counted over the whole table
    list_title: Any = None
    counted_as: Any = None  # one row and many, where the model has a name that people do not know
    linked_by: Sequence[str] = ()
    viewed = audit.Verb.PRESCRIPTION_VIEWED

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what our own filters and links ask for: other lookups (`__regex`) would be a way to search for what is
        not shown, and to keep the database busy.
        """
        allowed = set(self.linked_by)
        for entry in self.get_list_filter(request) if request else ():
            if isinstance(entry, str):
                allowed.update(f"{entry}{end}" for end in _ENDS)
            else:
                allowed.add(str(getattr(entry, "parameter_name", "")))
        return lookup in allowed

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Listing

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """The rows of one page are about to be shown to whoever asks."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        named = {"title": self.list_title} if self.list_title else {}
        try:
            return super().changelist_view(request, named | (extra_context or {}))
        except (ValueError, OverflowError):  # `created_at__year=99999` fails only when the database is asked
            return HttpResponseRedirect(f"{request.path}?e=1")

    def chain_of(self, row: Any) -> str:
        """The audit chain of whom somebody looks at when they open this row; empty where it is about nobody."""
        return ""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:
        if obj is not None and (chain := self.chain_of(obj)):
            data = {} if self.opts.model_name == "prescription" else {"part": self.opts.model_name}
            audit.looked(chain, self.viewed, actor=actors.staff(request.user), data=data)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def may(request: HttpRequest, permission: str) -> bool:
    """Does whoever asks hold a permission of this app?"""
    return bool(request.user.has_perm(f"prescriptions.{permission}"))


def reference(rx: str) -> str:
    """A prescription's name among people: the beginning of its id."""
    return rx[:REFERENCE_LENGTH]


def prefixed(field: str, prefix: str) -> dict[str, str]:
    """Lookups for hex keys that begin with `prefix`: a range, which an index can answer and LIKE cannot."""
    return {f"{field}__gte": prefix, f"{field}__lt": f"{prefix}g"}


def kibibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1024:,.1f} KiB"
