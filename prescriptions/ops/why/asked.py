"""What was pasted: an address of ours, an id, a key of S3, a token. Nobody is asked here but the routes."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.urls import Resolver404, resolve

from transforms import keys

LONGEST: Final = 4000
_REFERENCE: Final = re.compile(r"[0-9a-f]{8,31}")
_API_TOKEN: Final = re.compile(r"(?:Bearer\s+)?rxk_([0-9a-f]{16})_\S+")
_LINK_TOKEN: Final = re.compile(r"[a-z0-9]{1,8}\.[0-9a-z]{1,9}\.[fr][0-9a-f]{0,12}\.[A-Za-z0-9_-]{1,22}")
_HOST_OF: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """`kind`: address, id, reference (the beginning of an id), page, key, api-token, link-token, or nothing.

    Of an address `route` names the view (empty: there is none), `named` the parts of its path, `query` the rest; `host`
    is set where it is no host of ours.
    """

    kind: str
    text: str = ""
    route: str = ""
    named: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    host: str = ""


def read(text: str) -> Asked:
    """Never raises: whatever nobody understands is `nothing`."""
    given = text.strip().strip("<>\"'")
    if not given or len(given) > LONGEST or not given.isprintable():
        return Asked("nothing")
    if match := _API_TOKEN.fullmatch(given):
        return Asked("api-token", match[1])
    if keys.is_id(given):
        return Asked("id", given)
    if _REFERENCE.fullmatch(given):
        return Asked("reference", given)
    if keys.parse_image_identifier(given):
        return Asked("page", given)
    if keys.prescription_of(given) or keys.parse_incoming_key(given):
        return Asked("key", given)
    if _LINK_TOKEN.fullmatch(given):
        return Asked("link-token", given)
    return _address(given) if "/" in given else Asked("nothing")


def _address(given: str) -> Asked:
    try:
        parts = urlsplit(given if _HOST_OF.match(given) or given.startswith("/") else f"//{given}")
        host = parts.hostname or ""
    except ValueError:
        return Asked("nothing")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    ours = urlsplit(settings.BASE_URL).hostname
    if host and host != ours and not validate_host(host, settings.ALLOWED_HOSTS):
        # Of an address that was cut off in front, the token is where the host would be.
        cut = _LINK_TOKEN.fullmatch(parts.netloc) or "rxk_" in host
        return Asked("address", query=query, host="what stands there" if cut else host[:100])
    try:
        found = resolve(unquote(parts.path))
    except Resolver404:
        return Asked("address", query=query)
    named = {name: str(value) for name, value in found.kwargs.items()}
    area = "api/" if parts.path.startswith("/api/") else ""
    return Asked("address", route=f"{area}{found.view_name or found.route}", named=named, query=query)
