"""Errors for a collector that speaks Sentry's protocol, where RX_SENTRY_DSN names one (requirements-telemetry.txt).

Built from what an error line of the log has, and from nothing else: no request, no person, no local variable, no text
of an exception, which may quote what was sent.
"""

import logging
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings

from prescriptions.infra import logs
from transforms.version import PIPELINE

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_KEPT: Final = ("event_id", "timestamp", "platform", "level", "logger")
_OF_A_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


def start(transport: Any = None) -> bool:
    """From here on whatever is logged as an error is reported, too. `transport`: for tests. False: nobody wants it."""
    if not settings.RX_SENTRY_DSN:
        return False
    try:
        import sentry_sdk
        from sentry_sdk.integrations.atexit import AtexitIntegration
        from sentry_sdk.integrations.dedupe import DedupeIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        return False  # ops/checks.py says so
    sentry_sdk.init(
        dsn=settings.RX_SENTRY_DSN,
        transport=transport,
        # Nothing looks into requests, tasks or queries.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            DedupeIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        before_send=scrubbed,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        server_name="",
        release=PIPELINE,
        ca_certs=settings.RX_CA_FILE or None,
    )
    return True


def scrubbed(event: "Event", hint: "Hint") -> "Event":
    """A new event, of what is known to say nothing about anybody."""
    found: dict[str, Any] = {name: event[name] for name in _KEPT if name in event}
    if str(found.get("logger", "")).startswith("rx."):  # its texts are constants of ours
        found["logentry"] = {"message": str((event.get("logentry") or {}).get("message", ""))}
    raised = (event.get("exception") or {}).get("values") or []
    if raised:
        found["exception"] = {"values": [_exception(one) for one in raised]}
    found["release"] = PIPELINE
    found["tags"] = {"role": settings.RX_ROLE}
    if logs.request_id():
        found["tags"]["request_id"] = logs.request_id()
    return cast("Event", found)


def _exception(said: Any) -> dict[str, Any]:
    frames = (said.get("stacktrace") or {}).get("frames") or []
    kept = [{name: frame[name] for name in _OF_A_FRAME if name in frame} for frame in frames]
    return {"type": said.get("type"), "module": said.get("module"), "stacktrace": {"frames": kept}}
