"""Descriptors of variables: what each kind takes, and how it says no. Django is not needed for any of it."""

from collections.abc import Callable
from typing import Any

import pytest

from rxproject.configuration import environment as env
from rxproject.configuration import kinds
from rxproject.configuration.environment import Environment, Kind, SettingError

ORIGIN = env.origin()
WEB = env.web_address()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (env.flag(), "on", True),
        (env.flag(), "TRUE", True),
        (env.flag(), "0", False),
        (env.whole(1, 60, "seconds"), "1", 1),
        (env.whole(1, 60, "seconds"), "60", 60),
        (env.whole(0, 9), " 7 ", 7),
        (env.number(0, 35, "seconds"), "0", 0.0),
        (env.number(0, 35, "seconds"), "2.5", 2.5),
        (env.numbers(0, 60, "seconds"), "1, 4,16", (1, 4, 16)),
        (env.choice("fit", "reject"), "reject", "reject"),
        (env.choices("pdfium", "poppler"), "poppler, pdfium", ("poppler", "pdfium")),
        (env.hosts(), "rx.example.org, .example.org,127.0.0.1,[::1],*", None),
        (ORIGIN, "https://rx.example.org/", "https://rx.example.org"),
        (ORIGIN, "http://[::1]:8000", "http://[::1]:8000"),
        (WEB, "https://api.example.org/prod/render", "https://api.example.org/prod/render"),
        (env.redis_address(), "redis://:a@b:c@valkey:6379/0", "redis://:a@b:c@valkey:6379/0"),
        (env.redis_address(), "rediss://valkey", "rediss://valkey?ssl_cert_reqs=required&ssl_check_hostname=true"),
        (
            env.redis_address("/tls/ca.pem"),
            "rediss://:p%2F@valkey:6380/1?ssl_check_hostname=false",
            "rediss://:p%2F@valkey:6380/1?ssl_cert_reqs=required&ssl_check_hostname=false&ssl_ca_certs=%2Ftls%2Fca.pem",
        ),
        (env.database_address(), "postgresql:///rx", "postgresql:///rx"),
        (env.database_address(), "postgres://rx:p@w@db:5432/rx", "postgres://rx:p@w@db:5432/rx"),
        (env.database_address(), "postgresql://rx:@/rx?host=/tmp/pg", "postgresql://rx:@/rx?host=/tmp/pg"),
        (env.database_address(), "sqlite:////srv/db.sqlite3", "sqlite:////srv/db.sqlite3"),
        (kinds.backend(), "lambda", "lambda"),
        (kinds.backend(), "shop.renderers.Elsewhere", "shop.renderers.Elsewhere"),
        (kinds.keyring(), f"k1:{'11' * 16}, k0:{'22' * 32}", f"k1:{'11' * 16}, k0:{'22' * 32}"),
        (kinds.validity(), "*:180, H1:30", {"*": 180, "H1": 30}),
        (kinds.time_zone(), "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_what_a_kind_takes(kind: Kind[Any], text: str, value: Any) -> None:
    read = Environment({"RX_X": text}).read("RX_X", "the default is not asked", kind)

    assert read == (value if value is not None else [part.strip() for part in text.split(",")])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (env.flag(), "maybe"),
        (env.flag(), "2"),
        *((env.whole(1, 60), text) for text in ("0", "61", "-5", "1.5", "1e1", "abc", "٣", "1_0", "0x10", "9" * 99)),
        *((env.number(0, 35), text) for text in ("nan", "inf", "-1", "35.1", "1e1", "1,5", ".5", "ten")),
        *((env.numbers(0, 60, "seconds"), text) for text in ("1,,4", "1;4", "1,61", ",")),
        (env.choice("fit", "reject"), "Fit"),
        *((env.choices("pdfium", "poppler"), text) for text in ("ghostscript", "pdfium,pdfium", "pdfium,", ",")),
        *((env.hosts(), text) for text in ("https://rx.example", "rx.example:80", "a b", "a,,b", "-a.example", "[1]]")),
        *(
            (ORIGIN, text)
            for text in ("rx.example", "ftp://rx.example", "https://", "https://rx.example/shop", "HTTP://x")
        ),
        *(
            (ORIGIN, text)
            for text in ("http://x:99999", "http://x:0", "http://x:", "http://u:p@x", "http://x?y", "http://[x")
        ),
        *(
            (WEB, text)
            for text in ("//x/render", "https:/x", "https://a b/", "https://x/#y", "https://x/?y", "https://x:http/")
        ),
        *(
            (env.redis_address(), text)
            for text in ("localhost:6379", "http://x", "redis://", "redis://x/zero", "redis://x:y")
        ),
        *(
            (env.database_address(), text)
            for text in ("db", "mysql://x/y", "postgres://x", "sqlite://rel", "postgres://x:y/z")
        ),
        *((kinds.backend(), text) for text in ("nonsense", "Celery", "a..b", "a.b-c", "a b.c", ".a", "é.b")),
        *(
            (kinds.keyring(), text)
            for text in ("k1", ",", "k1:11", "K1:" + "11" * 16, f"k1:{'11' * 16},k1:{'22' * 16}")
        ),
        *((kinds.validity(), text) for text in ("H1", "*:x", "H1:30", "*:180,Z:3", "*:0", "*:180,*:30", "*:180,")),
        *(
            (kinds.time_zone(), text)
            for text in ("Mars", "Europe", "../etc/passwd", "/etc/localtime", "Europe/Berlin/")
        ),
    ],
)
def test_what_a_kind_refuses_is_one_line_that_says_what_is_allowed(kind: Kind[Any], text: str) -> None:
    with pytest.raises(SettingError) as refused:
        Environment({"RX_X": text}).read("RX_X", "1", kind)

    line = str(refused.value)
    assert line.startswith(f"RX_X must be {kind.allowed}")
    assert "\n" not in line
    assert kind.secret or line.endswith(f", not {text!r}") or len(text) > 80 or "@" in text


def test_a_refusal_ends_the_process_without_a_traceback() -> None:
    assert issubclass(SettingError, SystemExit)
    assert SettingError("RX_X must be …").code == "RX_X must be …"  # printed on stderr; the status is 1


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        (env.redis_address(), "redis:/:hunter2@valkey/0", "hunter2"),
        (env.database_address(), "postgres//rx:hunter2@db/rx", "hunter2"),
        (kinds.keyring(), "k1:hunter2", "hunter2"),
        (env.text(secret=True), "hunter2\x07", "hunter2"),
        (ORIGIN, "https://rx:hunter2@rx.example", "hunter2"),
    ],
)
def test_a_refusal_never_quotes_a_secret(kind: Kind[Any], text: str, secret: str) -> None:
    with pytest.raises(SettingError) as refused:
        Environment({"RX_X": text}).read("RX_X", "", kind)

    assert secret not in str(refused.value)


@pytest.mark.parametrize("given", [{}, {"RX_X": ""}, {"RX_X": "  "}])
def test_what_is_set_to_nothing_counts_as_not_set(given: dict[str, str]) -> None:
    assert Environment(given).read("RX_X", "7", env.whole(1, 9)) == 7
    assert Environment(given).read("RX_X", "", env.web_address()) == ""


def test_where_nothing_is_a_value_it_is_taken_for_one() -> None:
    kind = env.choices("H1", "X", may_be_empty=True)

    assert Environment({}).read("RX_X", "H1,X", kind) == ("H1", "X")
    assert Environment({"RX_X": ""}).read("RX_X", "H1,X", kind) == ()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (lambda: env.whole(1, 60, "seconds"), "a whole number of seconds from 1 to 60"),
        (lambda: env.whole(1, 60), "a whole number from 1 to 60"),
        (lambda: env.number(0.1, 60, "seconds"), "a number of seconds from 0.1 to 60"),
        (lambda: env.choice("fit", "reject"), "fit or reject"),
        (lambda: env.choices("a", "b", may_be_empty=True), "nothing, or one or more of a, b, with commas between them"),
    ],
)
def test_what_is_allowed_is_said_in_words(kind: Callable[[], Kind[Any]], words: str) -> None:
    assert kind().allowed == words
