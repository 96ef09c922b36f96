"""Views of the queue that people keep for themselves: a part, and what narrows it, under a name of theirs."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from prescriptions.admin.base import may
from prescriptions.admin.queue import parts
from prescriptions.infra.methods import methods
from prescriptions.models import QueueView
from prescriptions.review.payload import clean

_MOST: Final = 20
_LONGEST: Final = 40
_KEPT: Final = ("show", *(narrowing.parameter_name for narrowing in parts.NARROWING))


def of(request: HttpRequest) -> list[dict[str, Any]]:
    """This person's views, as the list shows them; one query."""
    here = asked(request.GET.urlencode())
    rows = QueueView.objects.filter(user=request.user.pk)[:_MOST]
    return [
        {"id": row.pk, "name": row.name, "query_string": f"?{row.query}", "selected": row.query == here} for row in rows
    ]


def asked(query: str) -> str:
    """What of a query makes a view, in one order: pages, searches and whatever else somebody sends is left out."""
    given = dict(parse_qsl(query[:2000], max_num_fields=50)) if query.count("&") < 50 else {}
    return urlencode([(name, given[name][:20]) for name in _KEPT if given.get(name)])


def urls(admin_site: AdminSite) -> list[URLPattern]:
    return [
        path("views/", admin_site.admin_view(keep), name="rx-queue-keep"),
        path("views/<int:pk>/forget/", admin_site.admin_view(forget), name="rx-queue-forget"),
    ]


@methods("POST")
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the view that is on the screen, under a name; the same name again means the new one."""
    user, query, name = _user(request), asked(request.POST.get("query", "")), clean(request.POST.get("name"))
    if not name or len(name) > _LONGEST:
        messages.error(request, _("Give it a name of at most %(most)d characters.") % {"most": _LONGEST})
    elif QueueView.objects.filter(user=user).exclude(name=name).count() >= _MOST:
        messages.error(request, _("You have %(most)d views. Forget one first.") % {"most": _MOST})
    else:
        QueueView.objects.update_or_create(user=user, name=name, defaults={"query": query})
    return _back(query)


@methods("POST")
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    if not QueueView.objects.filter(pk=min(pk, 2**63 - 1), user=_user(request)).delete()[0]:
        raise Http404
    return _back(asked(request.POST.get("query", "")))


def _user(request: HttpRequest) -> Any:
    if not may(request, "view_review"):
        raise PermissionDenied
    return request.user


def _back(query: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('admin:prescriptions_review_changelist')}?{query}", status=303)
