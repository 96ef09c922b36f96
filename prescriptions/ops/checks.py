"""System checks: what is wrong with this machine or its settings, said before a customer finds it, each with a hint."""

import shutil
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from PIL import features

from prescriptions.variants import backends, links

VIEWER = "openseadragon/openseadragon.min.js"


@register()
def link_keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """RX_LINK_KEYS is empty only where nothing is served (migrations, linting)."""
    if not settings.RX_LINK_KEYS:
        return []
    try:
        links.keyring()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="One key: k1:$(openssl rand -hex 32)", id="rx.E001")]
    return []


@register()
def backend(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        backends.current()
    except (ImportError, AttributeError, TypeError, ImproperlyConfigured) as error:
        allowed = ", ".join(backends.SHORT_NAMES)
        hint = f"Use one of {allowed}, or a dotted path."
        return [Error(f"RX_BACKEND is {settings.RX_BACKEND!r}: {error}", hint=hint, id="rx.E002")]
    return []


@register()
def choices(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.RX_IIIF_OVERSIZE not in ("fit", "reject"):
        found.append(Error("RX_IIIF_OVERSIZE must be 'fit' or 'reject'.", id="rx.E003"))
    unknown = set(settings.RX_PDF_ENGINES) - {"pdfium", "poppler"}
    if unknown or not settings.RX_PDF_ENGINES:
        found.append(Error("RX_PDF_ENGINES lists 'pdfium' and 'poppler' in order of preference.", id="rx.E004"))
    return found


@register()
def codecs(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"Pillow has no {name} codec.", hint="Install Pillow from its wheel.", id="rx.E005")
        for name in ("jpg", "zlib", "webp", "avif")
        if not features.check(name)
    ]


@register()
def viewer(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if finders.find(VIEWER):
        return []
    return [
        Warning(
            "The review page has no zooming viewer: OpenSeadragon is not installed.",
            hint="npm ci --omit=dev --ignore-scripts. Until then it shows plain images.",
            id="rx.W003",
        )
    ]


@register()
def second_pdf_engine(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if "poppler" in settings.RX_PDF_ENGINES and shutil.which("pdftoppm") is None:
        return [
            Warning(
                "The second PDF engine is not there: pdftoppm is missing.",
                hint="Install poppler-utils, or set RX_PDF_ENGINES=pdfium.",
                id="rx.W001",
            )
        ]
    return []


@register(deploy=True)
def renderer(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What the sandbox cannot give up on this machine. Asked at deployment only, because it starts one."""
    from transforms import sandbox

    missing = sandbox.default().capabilities().missing
    if not missing:
        return []
    return [
        Warning(
            f"Renderers are not confined by: {', '.join(missing)}.",
            hint="See docs/explanation/sandbox.md.",
            id="rx.W002",
        )
    ]


@register(deploy=True)
def secrets(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A server that cannot sign links must not start."""
    if not settings.RX_LINK_KEYS:
        return [Error("RX_LINK_KEYS is not set.", hint="k1:$(openssl rand -hex 32)", id="rx.E006")]
    return []
