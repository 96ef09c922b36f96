"""A real provider of OpenID Connect, in a process of its own. `PUT /users/<sub>` says what it tells of somebody."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.waiting import free_port, until


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/.well-known/openid-configuration").is_success
        except httpx.TransportError:
            return False

    try:
        until(answers, "the provider did not start")
        yield address
    finally:
        server.kill()
        server.wait()


def clients_of(address: str) -> dict[str, Any]:
    """SOCIALACCOUNT_PROVIDERS of a site that is the provider's client."""
    app = {
        "provider_id": "sso",
        "name": "Pharmacy account",
        "client_id": "rx",
        "secret": "rx-secret",
        "settings": {"server_url": address, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}}
