"""The playground: page, size, quality, format; what address that is, what it costs, and what making it took.

No link is made here: the IIIF address has {link} in its place, and curl asks the API with a token of one's own.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions import audit
from prescriptions.api.pictures import variants
from prescriptions.audit import actors
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem, from_transform
from prescriptions.models.finding import find_page
from prescriptions.ops import why
from prescriptions.ops.why import Explanation
from prescriptions.variants import asking, links
from prescriptions.variants.fairness.askers import Asker
from transforms.errors import TransformError
from transforms.formats import OutputFormat
from transforms.keys import ImageIdentifier, parse_image_identifier
from transforms.request.presets import PRESETS
from transforms.request.spec import QUALITIES

_LINK: Final = "{link}"


class PlayForm(forms.Form):
    """A preset, or the four parts of an image request as IIIF writes them."""

    page = forms.CharField(label=gettext_lazy("Page"), max_length=50, help_text=gettext_lazy("Id, _ and number"))
    preset = forms.ChoiceField(
        label=gettext_lazy("Preset"),
        required=False,
        choices=[("", gettext_lazy("none: as follows")), *((name, name) for name in PRESETS)],
    )
    region = forms.CharField(label=gettext_lazy("Region"), max_length=100, initial="full")
    size = forms.CharField(label=gettext_lazy("Size"), max_length=60, initial="!1080,1080")
    rotation = forms.ChoiceField(
        label=gettext_lazy("Rotation"), choices=[(turn, turn) for turn in ("0", "90", "180", "270")]
    )
    quality = forms.ChoiceField(label=gettext_lazy("Quality"), choices=[(name, name) for name in QUALITIES])
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=[(str(kind), str(kind)) for kind in OutputFormat])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean_page(self) -> ImageIdentifier:
        named = parse_image_identifier(self.cleaned_data["page"].strip())
        if named is None:
            raise forms.ValidationError(_("A page is named by the prescription's 32 digits, _ and a number from 1."))
        return named

    @property
    def spec(self) -> str:
        """What is asked for, as the API takes it."""
        said = self.cleaned_data
        own = f"{said['region']}/{said['size']}/{said['rotation']}/{said['quality']}.{said['format']}"
        of_sheet = "sheet/" if said["page"].sheet is not None else ""
        return of_sheet + (said["preset"] or own)


@dataclass(frozen=True, slots=True)
class Played:
    """`iiif`: with {link} in the place of a token. `how` and `ms` (of waiting): where it was asked for."""

    explanation: Explanation
    iiif: str
    curl: str
    how: str = ""
    ms: float = 0.0


def play(form: PlayForm, user: Any, *, make: bool) -> Played:
    """What the form asks for; with `make` it is asked for first, as by whoever is signed in."""
    named, spec = form.cleaned_data["page"], form.spec
    how, ms = _make(named, spec, user) if make else ("", 0.0)
    found = why.explain_variant(named.rx, named.number, spec, by=Asker.staff(user.pk))
    stored = next((fact.value for fact in found.facts if fact.name == "stored form"), "")
    digest = next((fact.value for fact in found.facts if fact.name == "sheet"), "")
    iiif = absolute(links.variant_path(named.rx, named.number, stored, _LINK, sheet=digest)) if stored else ""
    address = absolute(f"/api/v1/prescriptions/{named.rx}/pages/{named.number}/variants/{spec}")
    file = f"page-{named.number}.{stored.rpartition('.')[2]}"
    curl = f"curl -fsSL -o {file} -H \"Authorization: Bearer $RX_TOKEN\" '{address}'" if stored else ""
    return Played(found, iiif, curl, how, ms)


def _make(named: ImageIdentifier, spec: str, user: Any) -> tuple[str, float]:
    """How it came about (or the code of why not), and milliseconds until then."""
    started = time.perf_counter()
    try:
        page = find_page(named.rx, named.number)
        image, stored = variants.resolve(page, spec)
        actor, data = actors.staff(user), {"page": named.number}
        audit.looked(named.rx, audit.Verb.VARIANT_ASKED, actor=actor, data=data)
        how: str = asking.get_variant(image, stored, by=Asker.staff(user.pk), wait=settings.RX_WAIT).how
    except TransformError as error:
        how = from_transform(error).code
    except Problem as problem:
        how = problem.code
    return how, (time.perf_counter() - started) * 1000
