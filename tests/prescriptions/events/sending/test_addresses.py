"""Whom we call for others: addresses of the internet alone, in whatever form the others are written."""

import pytest
from pytest_django import Settings

from prescriptions.events.sending import addresses

OURS = (
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),  # noqa: S104
    *("172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1"),
    *("2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
    *("fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1", "not an address", ""),
)


@pytest.mark.parametrize("address", OURS)
def test_what_is_not_of_the_internet_is_not_called(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_what_is_of_the_internet_is(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.org/hook?a=b",
        "https://shop.example.org:443/",
        "https://shop.example.org:8443/",
        "https://xn--bcher-kva.example/hook",
        "https://1.1.1.1/hook",
        "https://[2606:4700::1111]/hook",
    ],
)
def test_an_address_of_the_internet_is_taken_as_it_is(url: str) -> None:
    assert addresses.check(url) == url


REFUSED = {
    "begin with https": ["http://shop.example.org/", "ftp://shop.example.org/", "//shop.example.org/", "shop", ""],
    "Without a user": ["https://a:b@shop.example.org/", "https://shop.example.org/#x", "https://1.1.1.1\\@shop.org/"],
    "port must be": ["https://shop.example.org:22/", "https://shop.example.org:80/"],
    "no address": ["https://shop.example.org:x/", "https://shop.example.org:99999/", "https://[::1/"],
    "visible ASCII": ["https://shop.example.org/ä", "https://shop.example.org/a b", "https://a.org/" + "a" * 500],
    "host must be": [
        *(
            "https://localhost/",
            "https://valkey:6379/",
            "https:///hook",
            "https://127.0.0.1/",
            "https://169.254.169.254/",
        ),
        *("https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://017700000001/", "https://127.1/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[fe80::1%25lo]/"),
        *("https://shop..org/", "https://-shop.org/", "https://1.1.1.256/"),
    ],
}


@pytest.mark.parametrize(("says", "url"), [(says, url) for says, urls in REFUSED.items() for url in urls])
def test_another_is_refused_with_what_is_allowed(says: str, url: str) -> None:
    with pytest.raises(ValueError, match=says if url else "visible"):
        addresses.check(url)


def test_where_it_is_allowed_this_machine_is_taken(settings: Settings) -> None:
    settings.RX_WEBHOOK_ALLOW_PRIVATE = True

    for url in ("http://127.0.0.1:9/hook", "http://localhost:80/", "https://[::1]:1/"):
        assert addresses.check(url) == url
