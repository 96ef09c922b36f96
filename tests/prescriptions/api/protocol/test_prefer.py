"""What a caller would rather have (RFC 7240), however it is spelt."""

import pytest

from prescriptions.api.protocol.prefer import Preferences

ASYNC = Preferences(respond_async=True)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Preferences()),
        ("respond-async", ASYNC),
        ("Respond-Async", ASYNC),
        ('respond-async=""', ASYNC),
        ("respond-async; foo=bar", ASYNC),
        ('respond-async; foo="a, b"', ASYNC),
        ("respond-async, wait=10", Preferences(respond_async=True, wait=10)),
        ("RESPOND-ASYNC,WAIT = 10 , return=minimal", Preferences(respond_async=True, wait=10, minimal=True)),
        ('wait="10"', Preferences(wait=10)),
        ("wait=0", Preferences(wait=0)),
        ("wait=1, wait=2", Preferences(wait=1)),
        ('foo="wait=1, respond-async"; bar, wait=3', Preferences(wait=3)),
        ('foo="\\", wait=1"', Preferences()),
        ("return=minimal", Preferences(minimal=True)),
        ('return="minimal"', Preferences(minimal=True)),
        ("return=representation", Preferences()),
        ("return=representation, return=minimal", Preferences()),
        # What means nothing is as if it had not been sent.
        ("not-respond-async", Preferences()),
        ("respond-async=yes", Preferences()),
        ("handling=respond-async", Preferences()),
        ("wait", Preferences()),
        ("wait=-1", Preferences()),
        ("wait=1.5", Preferences()),
        ("wait=1e9", Preferences()),
        ("wait=\u0661", Preferences()),
        ("wait=9999999999", Preferences()),
        (';;,,"', Preferences()),
        ('"', Preferences()),
        ("x," * 4000 + "respond-async", Preferences()),
    ],
)
def test_what_is_meant(text: str, meant: Preferences) -> None:
    assert Preferences.parse(text) == meant
