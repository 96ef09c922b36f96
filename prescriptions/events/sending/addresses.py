"""Whom we call for others: a client names an address, and it must not be one of ours, or of anybody's own network.

What an address says is looked at when it is given, to say at once what is wrong; what it leads to is looked at each
time before a connection is made (`connections`), because names change.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

LONGEST: Final = 500
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# A last label of digits would make it a number for resolvers: 127.1, 0x7f.1, 2130706433.
_LAST: Final = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+{_LAST}\.?")
_NEARBY: Final = re.compile(_LAST)
_USUAL_PORT: Final = 443
_FREE_PORTS: Final = 1024

# IANA's registries of special-purpose addresses, and what carries an IPv4 address inside one of IPv6. Written down:
# what Python's `is_global` knows changes from one of its releases to the next.
_IPV4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
# Of IPv6 only what is handed out to the internet is called, less what is special in it. That leaves out all of ::/8
# (loopback, IPv4-mapped), NAT64's 64:ff9b::/96, fc00::/7, fe80::/10 and ff00::/8.
_IPV6_INTERNET: Final = ipaddress.IPv6Network("2000::/3")
_IPV6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)


class Refused(Exception):
    """Nobody is called there."""


def is_public(address: str) -> bool:
    """May it be called: an address of the internet that is nobody's own network? `address`: of IPv4 or IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _IPV4)
    if found.scope_id is not None:  # a zone is of this machine's own links
        return False
    return found in _IPV6_INTERNET and not any(found in network for network in _IPV6)


def check(address: str) -> str:
    """What a client gave, as it will be called. Raises ValueError with what is wrong and what is allowed."""
    if len(address) > LONGEST or not _VISIBLE.fullmatch(address):
        message = f"An address of at most {LONGEST} visible ASCII characters."
        raise ValueError(message)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        message = "This is no address."
        raise ValueError(message) from None
    private = settings.RX_WEBHOOK_ALLOW_PRIVATE
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        message = "It must begin with https://."
        raise ValueError(message)
    if "@" in parts.netloc or parts.fragment or "\\" in address:
        message = "Without a user, a password or a fragment."
        raise ValueError(message)
    if port is not None and port != _USUAL_PORT and port < _FREE_PORTS and not private:
        message = f"Its port must be {_USUAL_PORT}, or {_FREE_PORTS} or above."
        raise ValueError(message)
    if not _is_host(host):
        message = "Its host must be a name of the internet, such as shop.example.org, or a public IP address."
        raise ValueError(message)
    return address


def _is_host(host: str) -> bool:
    private = settings.RX_WEBHOOK_ALLOW_PRIVATE
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_NAME.fullmatch(host) or (private and _NEARBY.fullmatch(host)))
    return private or is_public(host)
