"""System checks: what is wrong with this machine or its settings, said before a customer finds it, each with a hint."""

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from PIL import features

from prescriptions.ops import budgets, production
from prescriptions.variants.backends import names
from transforms import sandbox
from transforms.fonts import files
from transforms.limits import LIMITS

VIEWER = "openseadragon/openseadragon.min.js"
CHARTS = "chart.js/chart.umd.min.js"

# What one variable can say wrong ends every process when it reads its settings
# (rxproject/configuration/environment.py). Here is what they say wrong together, or what only a loaded app can tell.


@register()
def backend(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Both backends exist and have what they need, and rows can tell them apart."""
    found: list[CheckMessage] = []
    chosen = {name: getattr(settings, name) for name in ("RX_BACKEND", "RX_FALLBACK_BACKEND")}
    for name, value in chosen.items():
        if not value and name == "RX_FALLBACK_BACKEND":
            continue
        try:
            import_string(names.path_of(value))()  # not the one at hand, which other settings may have made
        except (ImportError, AttributeError, TypeError, ValueError, ImproperlyConfigured) as error:
            hint = f"Use one of {', '.join(names.SHORT_NAMES)}, or the dotted path of a class."
            found.append(Error(f"{name} is {value!r}: {error}", hint=hint, id="rx.E002"))
    first, second = chosen.values()
    if second and names.name_of(first) == names.name_of(second):
        found.append(
            Warning(
                f"RX_FALLBACK_BACKEND is {second!r}, the same backend as RX_BACKEND: it never takes over.",
                hint="A class that is not ours is told from others by the first 16 letters of its name.",
                id="rx.W005",
            )
        )
    return found


@register()
def telemetry(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Not an error: the service does not need to be watched to work."""
    asked = {"RX_TRACES_URL": "opentelemetry", "RX_SENTRY_DSN": "sentry_sdk"}
    hint = "pip install --require-hashes -r requirements-telemetry.txt; for the image, --build-arg TELEMETRY=yes."
    return [
        Warning(f"{name} is set and {package} is not installed: nobody is told anything.", hint=hint, id="rx.W012")
        for name, package in asked.items()
        if getattr(settings, name) and find_spec(package) is None
    ]


@register()
def times(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A warning, not an error: nothing is lost, but some work is done twice."""
    told = budgets.Budgets(
        computing=LIMITS.child_cpu_seconds,
        sandbox=LIMITS.call_seconds,
        lease=settings.RX_VARIANT_LEASE,
        gateway_call=settings.RX_GATEWAY_TIMEOUT,
        task=settings.TASK_SECONDS,
        s3_read=settings.RX_S3_READ_TIMEOUT,
        s3_tries=settings.RX_S3_TRIES,
    )
    hint = "docs/reference/settings.md tells which times nest in which."
    return [Warning(fault, hint=hint, id="rx.W004") for fault in budgets.faults(told)]


@register()
def key_pairs(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Half a key would be taken for none, and the SDK would look for another one elsewhere."""
    pairs = (("RX_S3_ACCESS_KEY", "RX_S3_SECRET_KEY"), ("RX_GATEWAY_ACCESS_KEY", "RX_GATEWAY_SECRET_KEY"))
    return [
        Error(f"{name} and {secret} go together.", hint="Set both or neither.", id="rx.E007")
        for name, secret in pairs
        if bool(getattr(settings, name)) != bool(getattr(settings, secret))
    ]


@register()
def single_sign_on(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """All of it or nothing: without groups nobody could come in. Workers and beat are not told the secret."""
    if settings.RX_ROLE in ("worker", "beat"):
        return []
    names = ("RX_OIDC_URL", "RX_OIDC_CLIENT_ID", "RX_OIDC_CLIENT_SECRET", "RX_OIDC_GROUPS")
    missing = [name for name in names if not getattr(settings, name)]
    if not missing or len(missing) == len(names):
        return []
    return [
        Error(
            f"Single sign-on lacks {', '.join(missing)}.",
            hint="RX_OIDC_GROUPS=pharmacists:pharmacist,leads:senior names groups of the provider and ours.",
            id="rx.E009",
        )
    ]


def refuse_wrong_settings() -> None:
    """For servers, which start without looking at checks. Raises SystemExit, with a line for each error of settings."""
    looked_at = (backend, key_pairs, single_sign_on, *production.CHECKS)
    found = [message for check in looked_at for message in check(None) if message.is_serious()]
    if found:
        raise SystemExit("\n".join(f"{message.msg} {message.hint or ''}".rstrip() for message in found))


@register()
def codecs(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"Pillow has no {name} codec.", hint="Install Pillow from its wheel.", id="rx.E005")
        for name in ("jpg", "zlib", "webp", "avif")
        if not features.check(name)
    ]


@register()
def front_end(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What npm installs."""
    without = (
        (VIEWER, "rx.W003", "The review page has no zooming viewer: OpenSeadragon", "it shows plain images"),
        (CHARTS, "rx.W013", "The start page has no charts: Chart.js", "it shows tables"),
    )
    return [
        Warning(f"{what} is not installed.", hint=f"npm ci --omit=dev --ignore-scripts. Until then {then}.", id=number)
        for file, number, what, then in without
        if finders.find(file) is None
    ]


@register()
def fonts(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    missing = files.missing()
    if not missing:
        return []
    return [
        Warning(
            f"{len(missing)} of the {len(files.FILES)} fonts for PDF pages that bring none are not installed.",
            hint="npm ci --omit=dev --ignore-scripts. Until then most scripts on such pages are not drawn.",
            id="rx.W006",
        )
    ]


@register()
def second_pdf_engine(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if "poppler" in settings.RX_PDF_ENGINES and shutil.which("pdftoppm") is None:
        return [
            Warning(
                "The second PDF engine is not there: pdftoppm is missing.",
                hint="Install poppler-utils and poppler-data, or set RX_PDF_ENGINES=pdfium.",
                id="rx.W001",
            )
        ]
    return []


@register(deploy=True)
def renderer(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What the sandbox cannot give up on this machine. Asked at deployment only, because it starts one."""
    missing = sandbox.default().capabilities().missing
    if not missing:
        return []
    told = f"Renderers are not confined by: {', '.join(missing)}."
    hint = "See docs/explanation/sandbox.md."
    if "seccomp" in missing and not settings.DEBUG:
        hint = f"Nothing is rendered like this. The container must allow the system call seccomp(2). {hint}"
        return [Error(told, hint=hint, id="rx.E017")]
    return [Warning(told, hint=hint, id="rx.W002")]
