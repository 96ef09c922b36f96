"""What a variable of the environment may hold. Each is read through one descriptor, and one that cannot be used ends
the process with one line: its name, what is allowed, what it holds. Knows no Django and no setting.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

T = TypeVar("T")

_ON: Final = ("on", "1", "true", "yes")
_OFF: Final = ("off", "0", "false", "no")
_HOST: Final = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.?"
_HOST_OR_IPV6: Final = rf"(?:{_HOST}|\[[0-9a-fA-F:.]+\])"


class SettingError(SystemExit):
    """A variable that cannot be used. Not caught, it ends the process: the line on stderr, status 1, no traceback."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value. `allowed` follows the words "must be", in errors and in docs/reference/settings.md.

    `parse` raises ValueError. A `secret` value is never quoted. Where `may_be_empty`, a variable that is set to nothing
    says so; any other counts as not set.
    """

    allowed: str
    parse: Callable[[str], T]
    secret: bool = False
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Variable(Generic[T]):
    """One variable. `default` is what it would have to hold; empty where the setting has no value of its own."""

    name: str
    default: str
    kind: Kind[T]

    def read(self, environ: Mapping[str, str]) -> T:
        """Its value. Raises SettingError."""
        given = environ.get(self.name)
        text = self.default if given is None or not (given.strip() or self.kind.may_be_empty) else given.strip()
        try:
            return self.kind.parse(text)
        except ValueError:
            holds = "; what it holds is secret and not shown" if self.kind.secret else f", not {_masked(text)!r}"
            raise SettingError(f"{self.name} must be {self.kind.allowed}{holds}") from None


class Environment:
    """Reads variables and remembers which ones: the docs and the tests ask."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.variables: dict[str, Variable[Any]] = {}

    def read(self, name: str, default: str, kind: Kind[T]) -> T:
        """The value of one variable. Raises SettingError."""
        variable = Variable(name, default, kind)
        self.variables[name] = variable
        return variable.read(self._environ)


def _masked(text: str) -> str:
    """Short, and without the user and password that may stand before an @."""
    if "@" in text:
        text = "…" + text[text.rindex("@") :]
    return text if len(text) <= 80 else text[:79] + "…"


# --- Kinds ------------------------------------------------------------------------------------------------------------


def text(allowed: str = "text", pattern: str = r"[^\x00-\x1f\x7f]+", *, secret: bool = False) -> Kind[str]:
    """What matches as a whole. Empty where that is the default."""
    return Kind(allowed, lambda value: _match(pattern, value) if value else "", secret)


def flag() -> Kind[bool]:
    def parse(value: str) -> bool:
        return _one_of((*_ON, *_OFF), value.lower()) in _ON

    return Kind("on or off (or 1, 0, true, false, yes, no)", parse)


def whole(least: int, most: int, unit: str = "") -> Kind[int]:
    """A whole number. `unit` is a plural: "seconds"."""

    def parse(value: str) -> int:
        return int(_within(least, int(_match(r"-?[0-9]{1,12}", value)), most))

    return Kind(f"a whole number{unit and f' of {unit}'} from {least} to {most}", parse)


def number(least: float, most: float, unit: str = "") -> Kind[float]:
    """A number with or without a fraction."""

    def parse(value: str) -> float:
        return _within(least, float(_match(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", value)), most)

    return Kind(f"a number{unit and f' of {unit}'} from {least:g} to {most:g}", parse)


def numbers(least: int, most: int, unit: str) -> Kind[tuple[int, ...]]:
    """One whole number or more."""
    one = whole(least, most, unit)

    def parse(value: str) -> tuple[int, ...]:
        return tuple(one.parse(part.strip()) for part in value.split(","))

    return Kind(f"whole numbers of {unit} from {least} to {most}, with commas between them", parse)


def choice(*values: str) -> Kind[str]:
    """One of a few words."""
    return Kind(f"{', '.join(values[:-1])} or {values[-1]}", lambda value: _one_of(values, value))


def choices(*values: str, may_be_empty: bool = False) -> Kind[tuple[str, ...]]:
    """Some of a few words, in the order given, none twice."""

    def parse(value: str) -> tuple[str, ...]:
        parts = tuple(_one_of(values, part.strip()) for part in value.split(",")) if value else ()
        if len(set(parts)) < len(parts) or not (parts or may_be_empty):
            raise ValueError(value)
        return parts

    allowed = f"{'nothing, or ' if may_be_empty else ''}one or more of {', '.join(values)}, with commas between them"
    return Kind(allowed, parse, may_be_empty=may_be_empty)


def hosts() -> Kind[list[str]]:
    """Names as Django's ALLOWED_HOSTS wants them."""

    def parse(value: str) -> list[str]:
        return [_match(rf"\*|\.?{_HOST_OR_IPV6}", part.strip()) for part in value.split(",")]

    return Kind("host names without scheme and port, with commas between them", parse)


def listening() -> Kind[str]:
    """Where a server listens: an IPv4 address and a port."""

    def parse(value: str) -> str:
        if value:
            _within(1, int(_match(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}:([0-9]{1,5})", value).rpartition(":")[2]), 65_535)
        return value

    return Kind("an IPv4 address and a port, such as 127.0.0.1:9100", parse)


def origin() -> Kind[str]:
    """Scheme and host, and a port where it is not the usual one; what follows from it must be addresses too."""

    def parse(value: str) -> str:
        if value and urlsplit(value).path not in ("", "/"):
            raise ValueError(value)
        return _web_address(value).rstrip("/")

    return Kind("http:// or https:// and a host, without a path", parse)


def web_address() -> Kind[str]:
    """An address that is called as it is."""
    return Kind("an address with http:// or https://", _web_address)


def redis_address(ca_file: str = "") -> Kind[str]:
    """As both kombu and redis-py understand it. A rediss:// address becomes one that has them check who answers, which
    kombu would not do by itself: whether `ca_file` (or one whom the system trusts) signed for this host.
    """
    checks = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    if ca_file:
        checks["ssl_ca_certs"] = ca_file

    def parse(value: str) -> str:
        parts = _split(value, ("redis", "rediss"))
        if not parts.hostname or not re.fullmatch(r"(?:/[0-9]{0,5})?", parts.path) or parts.fragment:
            raise ValueError(value)
        if parts.scheme == "redis":
            return value
        return parts._replace(query=urlencode({**checks, **dict(parse_qsl(parts.query))})).geturl()

    return Kind("an address such as redis://:password@host:6379/0, or with rediss://", parse, secret=True)


def database_address() -> Kind[str]:
    """PostgreSQL or a file of SQLite. The host may be a directory, in the query, as libpq has it."""

    def parse(value: str) -> str:
        parts = value and _split(value, ("postgres", "postgresql", "sqlite"))
        if parts and (len(parts.path) < 2 or (parts.scheme == "sqlite" and parts.netloc) or parts.fragment):
            raise ValueError(value)
        return value

    return Kind("postgresql://user:password@host/name or sqlite:///path", parse, secret=True)


def _web_address(value: str) -> str:
    parts = value and _split(value, ("http", "https"))
    if parts and ("@" in parts.netloc or not re.fullmatch(_HOST_OR_IPV6, parts.netloc.removesuffix(f":{parts.port}"))):
        raise ValueError(value)
    if parts and (parts.query or parts.fragment):
        raise ValueError(value)
    return value


def _split(value: str, schemes: tuple[str, ...]) -> SplitResult:
    parts = urlsplit(_match(r"[\x21-\x7e]+", value))
    if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)) or parts.port == 0:  # which may raise, too
        raise ValueError(value)
    return parts


def _match(pattern: str, value: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ValueError(value)
    return value


def _one_of(values: Collection[str], value: str) -> str:
    if value not in values:
        raise ValueError(value)
    return value


def _within(least: float, value: float, most: float) -> float:
    if not least <= value <= most:
        raise ValueError(value)
    return value
