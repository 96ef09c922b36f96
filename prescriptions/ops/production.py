"""What no server of ours starts with: each fault names the setting, what is wrong, and how to make a good value.

Whoever runs the service for others has a `RX_BASE_URL` that is not this machine alone. Secrets must be good everywhere.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from prescriptions.infra.keys import keyrings

_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")
_MAKE_SECRET: Final = "Make one with `openssl rand -hex 32`."  # noqa: S105 - how to make one
# Which roles cannot do their work without which keyring.
_KEYRINGS: Final = {"RX_LINK_KEYS": ("web", "generate"), "RX_AUDIT_KEYS": ("web", "generate", "beat")}
_NEW_KEY: Final = {"RX_LINK_KEYS": "k2", "RX_AUDIT_KEYS": "a2"}
# Options of libpq that stand in for a password in the address.
_ELSEWHERE: Final = frozenset({"sslcert", "passfile", "service"})
# What people leave in a file of settings when they mean to come back.
_PLACEHOLDER: Final = re.compile(
    r"change.?me|django-insecure|example|password|passw0rd|secret|postgres|letmein|12345678"
)


def is_public() -> bool:
    """Can anybody but this machine come?"""
    return urlsplit(settings.BASE_URL).hostname not in _THIS_MACHINE


def is_weak(secret: str, length: int) -> bool:
    """Could it be guessed: too short, of few letters, or words that stand in examples?"""
    return len(secret) < length or len(set(secret)) < 8 or bool(_PLACEHOLDER.search(secret.lower()))


@register()
def secrets(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A guessed key opens everything that it signs."""
    if settings.RX_ROLE == "manage" and not is_public():
        return []
    return [*_missing_keyrings(), *_weak_keys(), *(_weak_passwords() if is_public() else ())]


def _missing_keyrings() -> Iterator[Error]:
    for name, roles in _KEYRINGS.items():
        if settings.RX_ROLE in (*roles, "manage") and not getattr(settings, name):
            kid = _NEW_KEY[name].replace("2", "1")
            yield Error(f"{name} is not set.", hint=f"Make it with `echo {kid}:$(openssl rand -hex 32)`.", id="rx.E006")


def _weak_keys() -> Iterator[Error]:
    try:
        current = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's word for an empty one
        current = ""
    for place, key in enumerate((current, *settings.SECRET_KEY_FALLBACKS)):
        if is_weak(key, 50):
            name = "RX_SECRET_KEY_FALLBACKS" if place else "RX_SECRET_KEY"
            yield Error(
                f"{name} {'holds a key that can' if place else 'can'} be guessed.", hint=_MAKE_SECRET, id="rx.E010"
            )
    for name, kid in _NEW_KEY.items():
        for signs in keyrings.parse(getattr(settings, name)).values():
            if len(set(signs)) < 8:
                hint = f"Put a new one before it: `{kid}:$(openssl rand -hex 32)`."
                yield Error(f"{name} holds a key that can be guessed.", hint=hint, id="rx.E011")


def _weak_passwords() -> Iterator[Error]:
    for name, where, password in _passwords():
        if is_weak(password, 16):
            fault = "can be guessed" if password else "is missing"
            yield Error(f"{name}: the password {where}{fault}.", hint=_MAKE_SECRET, id="rx.E012")


def _passwords() -> Iterator[tuple[str, str, str]]:
    """Of the stores, unless one is reached in a way that needs none here: a socket in a directory, a certificate, a
    file that libpq reads, a role.
    """
    database = settings.DATABASES["default"]
    by_socket = database.get("HOST", "").startswith("/") or not database.get("HOST")
    elsewhere = not database.get("PASSWORD") and not _ELSEWHERE.isdisjoint(database.get("OPTIONS", {}))
    if "postgresql" in database["ENGINE"] and not by_socket and not elsewhere:
        yield "RX_DATABASE_URL", f"of {database['USER']} ", database["PASSWORD"]
    redis = urlsplit(settings.RX_REDIS_URL)
    by_certificate = redis.scheme == "rediss" and "ssl_certfile" in parse_qs(redis.query)
    if redis.password or not (redis.hostname in _THIS_MACHINE or by_certificate):
        yield "RX_REDIS_URL", "", redis.password or ""
    for name in ("RX_S3_SECRET_KEY", "RX_GATEWAY_SECRET_KEY"):
        if value := getattr(settings, name):
            yield name, "", value


@register()
def openness(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What shows more than it should, or to anybody."""
    faults = [
        Error(
            "RX_ALLOWED_HOSTS holds *: whoever points a name of theirs at this server is answered.",
            hint="Name the hosts people use, with commas between them.",
            id="rx.E013",
        )
    ] * ("*" in settings.ALLOWED_HOSTS)
    if not is_public():
        return [*faults]
    host = urlsplit(settings.BASE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        faults.append(
            Error(
                f"RX_ALLOWED_HOSTS lacks {host}, the host of RX_BASE_URL: every request would be refused.",
                hint=f"RX_ALLOWED_HOSTS={','.join([host, *settings.ALLOWED_HOSTS])}",
                id="rx.E014",
            )
        )
    if settings.DEBUG:
        hint = "Leave it unset."
        faults.append(
            Error("RX_DEBUG is on: errors would show code, settings and patients' data.", hint=hint, id="rx.E015")
        )
    if settings.RX_WEBHOOK_ALLOW_PRIVATE:
        faults.append(
            Error(
                "RX_WEBHOOK_ALLOW_PRIVATE is on: whoever sets up a webhook could have us call machines of our own.",
                hint="Leave it unset. Receivers have an address of the internet.",
                id="rx.E019",
            )
        )
    if settings.RX_SANDBOX:
        faults.append(
            Error(
                "RX_SANDBOX is on: a robot would approve prescriptions that nobody has looked at.",
                hint="Leave it unset. It is for machines that nobody else can reach.",
                id="rx.E020",
            )
        )
    if not settings.RX_INSECURE_HTTP:
        faults.extend(
            Error(
                f"{name} is {address}: what is sent there can be read on the way.",
                hint="Use https://. For a trial in a closed network only: RX_INSECURE_HTTP=on.",
                id="rx.E016",
            )
            for name, address in (("RX_BASE_URL", settings.BASE_URL), ("RX_OIDC_URL", settings.RX_OIDC_URL))
            if address.startswith("http://")
        )
    return [*faults]


@register()
def stores(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What goes to another machine is encrypted, and whoever answers there has shown who it is."""
    if settings.RX_INSECURE_STORES or not is_public():
        return []
    return [
        Error(
            f"{name}: what is sent to {host} can be read or answered by others on the way.",
            hint=f"{how} For a closed network only: RX_INSECURE_STORES=on.",
            id="rx.E018",
        )
        for name, host, how in _unchecked()
        if host not in _THIS_MACHINE
    ]


def _unchecked() -> Iterator[tuple[str, str, str]]:
    """(setting, host, what to do) of everything that is called without TLS, or of whoever answers."""
    database = settings.DATABASES["default"]
    options, host = database.get("OPTIONS", {}), database.get("HOST", "")
    by_socket = host.startswith("/") or not host
    # A service's file may say it.
    asks = "postgresql" in database["ENGINE"] and not by_socket and "service" not in options
    if asks and options.get("sslmode") != "verify-full":
        yield "RX_DATABASE_URL", host, "Add ?sslmode=verify-full, and name the authority in RX_CA_FILE."
    redis = urlsplit(settings.RX_REDIS_URL)
    told = {name: values[-1] for name, values in parse_qs(redis.query).items()}
    checked = told.get("ssl_cert_reqs", "required").lower().removeprefix("cert_") == "required"
    checked &= told.get("ssl_check_hostname", "true").lower() in ("true", "1", "yes", "t", "y", "on")
    if redis.scheme != "rediss" or not checked:
        yield "RX_REDIS_URL", redis.hostname or "", "Use rediss://, and name the authority in RX_CA_FILE."
    for name in ("RX_S3_ENDPOINT", "RX_STORE_COMPACT_URL", "RX_GATEWAY_URL"):
        if (address := urlsplit(getattr(settings, name))).scheme == "http":
            yield name, address.hostname or "", "Use https://, and name its authority in RX_CA_FILE."


@register()
def second_factor(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A stolen password must not open patients' papers. Off only where nobody but this machine can come."""
    if settings.RX_SECOND_FACTOR != ("off",) or not is_public():
        return []
    return [
        Error(
            f"RX_SECOND_FACTOR is off, but {settings.BASE_URL} is not this machine alone: "
            "RX_SECOND_FACTOR=pictures asks everybody who sees prescriptions for a second factor, staff everybody.",
            hint="Leave it unset, or see docs/how-to/staff-accounts.md.",
            id="rx.E008",
        )
    ]


CHECKS: Final = (secrets, openness, stores, second_factor)
