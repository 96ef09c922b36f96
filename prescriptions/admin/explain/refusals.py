"""What staff read where a page is refused or is not there: in the admin's own frame, and with a way on."""

from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views import defaults

_WORDS: Final[dict[int, tuple[Promise, Promise]]] = {
    403: (
        _("Not allowed"),
        _("Your role does not allow this. The page Roles says what each may do; an administrator gives them."),
    ),
    404: (
        _("There is nothing here"),
        _("The address is wrong, or what was here has been erased. A search in the list finds what there is."),
    ),
}


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _of_staff(request, 403) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _of_staff(request, 404) or defaults.page_not_found(request, exception)


def _of_staff(request: HttpRequest, status: int) -> HttpResponse | None:
    user = getattr(request, "user", None)
    if not request.path.startswith(reverse("admin:index")) or user is None or not (user.is_active and user.is_staff):
        return None
    title, text = _WORDS[status]
    shown = {**admin.site.each_context(request), "title": title, "text": text}
    # Django calls these after its middleware for answers: nobody else renders it.
    return TemplateResponse(request, "admin/refused.html", shown, status=status).render()
