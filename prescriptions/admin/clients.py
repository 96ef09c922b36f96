"""REST clients in the admin: the origins that are theirs. Who may call is said by tokens (access.py)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy

from prescriptions.admin.people import ForAdministrators
from prescriptions.api import tokens
from prescriptions.audit import actors
from prescriptions.models import ApiToken, Client


class Lines(forms.CharField):
    """A list of words, one on each line."""

    widget = AdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line for line in map(str.strip, (super().to_python(value) or "").splitlines()) if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """A client's name, and its origins."""

    origins = Lines(
        label=gettext_lazy("Origins"),
        required=False,
        max_length=6000,
        help_text=gettext_lazy(
            "One on each line, such as https://shop.example. Pages from there may call the API with this client's "
            "tokens, and its customers may be sent back there."
        ),
    )

    class Meta:
        model = Client
        fields = ("name", "origins")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.instance.pk and self.instance.pk != name:
            raise forms.ValidationError(gettext("A client's name is its tokens' and stays."))
        if not ApiToken.objects.filter(client=name).exists():
            raise forms.ValidationError(gettext("No token is of a client by this name. Make its token first."))
        return name


@admin.register(Client)
class ClientAdmin(ForAdministrators):
    """Origins are added and taken away; a client itself is never deleted."""

    form = ClientForm
    list_title = gettext_lazy("Clients and their origins")
    counted_as = (gettext_lazy("client"), gettext_lazy("clients"))
    list_display = ("name", "listed")
    fields = ("name", "origins")

    @admin.display(description=gettext_lazy("origins"))
    def listed(self, client: Client) -> str:
        return ", ".join(client.origins)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        named = {"title": gettext("Origins of a client"), "show_save_and_add_another": False}
        return super().add_view(request, form_url, named | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        named = {"title": gettext("Origins of a client"), "show_save_and_add_another": False}
        return super().change_view(request, object_id, form_url, named | (extra_context or {}))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return self.response_change(request, obj)

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        tokens.set_origins(obj.name, form.cleaned_data["origins"], by=actors.staff(request.user))
