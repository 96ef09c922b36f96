"""The page itself. What is asked comes by POST: an address has a token in it, and addresses end up in logs."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions import audit
from prescriptions.admin.base import may
from prescriptions.admin.explain.playground import PlayForm, play
from prescriptions.audit import actors
from prescriptions.ops import why
from prescriptions.ops.why import Explanation
from transforms.keys import is_id, parse_image_identifier


class AskForm(forms.Form):
    """Never filled in again with what was asked: it may hold a token."""

    asked = forms.CharField(
        label=gettext_lazy("Address, id or key"),
        max_length=4000,
        strip=False,
        help_text=gettext_lazy("Whole, as it was called. A token in it is looked at and not shown."),
    )


def page(request: HttpRequest) -> HttpResponse:
    """For whoever may see variants: the caller has asked."""
    shown: dict[str, Any] = {"ask": AskForm(label_suffix=""), "play": PlayForm()}
    found: Explanation | None = None
    if request.method == "POST" and "play" in request.POST:
        form = shown["play"] = PlayForm(request.POST)
        if form.is_valid():
            played = shown["played"] = play(form, request.user, make=request.POST["play"] == "make")
            found = played.explanation
    elif request.method == "POST":
        asked = AskForm(request.POST, label_suffix="")
        if asked.is_valid():
            found = why.explain(asked.cleaned_data["asked"], reviews=may(request, "view_review"))
        else:
            shown["ask"] = asked
    elif is_id(name := request.GET.get("id", "")) or parse_image_identifier(name):
        found = why.explain(name, reviews=may(request, "view_review"))
        if parse_image_identifier(name):
            shown["play"] = PlayForm(initial={"page": name})
    if found is not None:
        actor, data = actors.staff(request.user), {"part": "explain"}
        audit.all_looked(found.rxs, audit.Verb.PRESCRIPTION_VIEWED, actor=actor, data=data)
    context = {**admin.site.each_context(request), "title": _("Explain"), "found": found, **shown}
    return TemplateResponse(request, "admin/prescriptions/variant/explain.html", context)
