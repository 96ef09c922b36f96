"""The environment of each role: what it needs to know, and nothing that another role's key could open."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import botocore

from prescriptions.variants.backends import names
from rxproject.buckets import AUDIT, ORIGINALS, REGION, VARIANTS, Identity
from rxproject.local.stack.keys import Keys
from rxproject.local.stack.ports import LOOPBACK, Place, Ports
from rxproject.local.stack.state import StateDir
from rxproject.settings import VARIABLES
from transforms.version import PIPELINE


class Role(StrEnum):
    """Who a process is. The first four run Django; the edge is nginx."""

    WEB = "web"
    GENERATE = "generate"
    WORKER = "worker"
    BEAT = "beat"
    EDGE = "edge"


_IDENTITIES = {
    Role.WEB: Identity.WEB,
    Role.GENERATE: Identity.WEB,
    Role.WORKER: Identity.RENDERER,
    Role.BEAT: Identity.WEB,  # erases originals, which no renderer may
}
_SIGNERS = (Role.WEB, Role.GENERATE)
# Who hands misses to the backend: requests (the queue of reviews warms from web), and beat's sweep. A worker only makes
# what it was handed: the process next to the decoders could not call the gateway.
_DISPATCHERS = (Role.WEB, Role.GENERATE, Role.BEAT)
# Who writes to the audit log: those above and the sweeps, but nobody who stands next to a decoder.
_RECORDERS = (*_SIGNERS, Role.BEAT)
# What any program may need from the shell that called runstack. Everything else stays behind.
_FROM_SHELL = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
# RX_ settings of the caller reach the Django roles, except those that runstack decides or keeps apart.
_DECIDED_HERE = frozenset({
    "RX_SECRET_KEY", "RX_SECRET_KEY_FALLBACKS", "RX_LINK_KEYS", "RX_AUDIT_KEYS",
    "RX_REDIS_URL", "RX_ROLE", "RX_PORT", "RX_STATE_DIR", "RX_PIPELINE",
    "RX_METRICS_DIR", "RX_METRICS_LISTEN", "RX_METRICS_CERT", "RX_ACCESS_LOGS", "RX_UPLOAD_DIR",
    "RX_S3_ENDPOINT", "RX_S3_REGION", "RX_S3_ACCESS_KEY", "RX_S3_SECRET_KEY",
    "RX_ORIGINALS_BUCKET", "RX_VARIANTS_BUCKET", "RX_AUDIT_BUCKET",
    "RX_GATEWAY_URL", "RX_GATEWAY_ACCESS_KEY", "RX_GATEWAY_SECRET_KEY", "RX_STORE_COMPACT_URL",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Environments:
    """Makes the environment of any role. `overrides` reach the Django roles and win over everything."""

    state: StateDir
    keys: Keys
    ports: Ports
    overrides: Mapping[str, str]
    place: Place = field(default_factory=Place)

    @property
    def base_url(self) -> str:
        return f"http://{self.place.here}:{self.ports.front}"

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.keys.redis_password}@{self.place.redis}:{self.ports.redis}/0"

    @property
    def s3_endpoint(self) -> str:
        return f"http://{self.place.s3}:{self.ports.s3}"

    def of(self, role: Role) -> dict[str, str]:
        """The whole environment of a Django role."""
        if role is Role.EDGE:
            raise ValueError("the edge needs a home: use edge()")
        callers = self._callers_settings()
        if role not in _SIGNERS:
            callers.pop("RX_OIDC_CLIENT_SECRET", None)  # nobody signs in there
        return {
            **shell(),
            **callers,
            **self._common(role),
            **self._private(role),
            **self.overrides,
        }

    def edge(self, home: Path) -> dict[str, str]:
        """The whole environment of nginx, which lives in `home`. Its template is filled in from it, too."""
        authorities = str(Path(botocore.__file__).with_name("cacert.pem"))
        return {
            **shell(),
            "RX_EDGE_LISTEN": f"{self.place.here}:{self.ports.front}",
            "RX_EDGE_S3_HOST": f"{self.place.s3}:{self.ports.s3}",
            "RX_EDGE_ACCESS_KEY": Identity.EDGE.value,
            "RX_EDGE_SECRET_KEY": self.keys.s3[Identity.EDGE.value],
            "RX_EDGE_WEB": f"{self.place.here}:{self.ports.web}",
            "RX_EDGE_GENERATE": f"{self.place.here}:{self.ports.generate}",
            "RX_EDGE_RUN_DIR": str(home),
            "RX_EDGE_TMPFS_DIR": str(home),
            "RX_EDGE_JS_DIR": str(home / "js"),
            "RX_EDGE_S3_SCHEME": "http",
            "RX_EDGE_WEB_SCHEME": "http",
            **dict.fromkeys(("RX_EDGE_CA_FILE", "RX_EDGE_WEB_CA_FILE"), authorities),  # read even without TLS
            "RX_EDGE_RESOLVER": LOOPBACK,  # never asked: all upstreams are addresses
            "RX_EDGE_TRUSTED_PROXY": "unix:",  # nobody on TCP
            "RX_BASE_URL": self.of(Role.WEB)["RX_BASE_URL"],
            "RX_PIPELINE": PIPELINE,
            "RX_LINK_KEYS": self.overrides.get("RX_LINK_KEYS", self.keys.link_keys),
            "RX_S3_REGION": REGION,
            "RX_VARIANTS_BUCKET": VARIANTS,
        }

    @property
    def uses_lambda(self) -> bool:
        """Does a backend of the Django roles ask for the gateway?"""
        return names.needs_gateway(*self._backends())

    @property
    def uses_worker(self) -> bool:
        return names.needs_worker(*self._backends())

    def _backends(self) -> list[str]:
        told = {**self._callers_settings(), **self.overrides}
        return [VARIABLES[name].read(told) for name in ("RX_BACKEND", "RX_FALLBACK_BACKEND")]

    def gateway(self) -> dict[str, str]:
        """The whole environment of the local API Gateway; the function it drives is told the RX_LAMBDA_ part alone."""
        function = {
            "AWS_ACCESS_KEY_ID": Identity.RENDERER.value,
            "AWS_SECRET_ACCESS_KEY": self.keys.s3[Identity.RENDERER.value],
            "AWS_REGION": REGION,
            "RX_S3_ENDPOINT": self.s3_endpoint,
            "RX_ORIGINALS_BUCKET": ORIGINALS,
            "RX_VARIANTS_BUCKET": VARIANTS,
        }
        return {
            **shell(),
            "PYTHONUNBUFFERED": "1",
            "RX_GATEWAY_PORT": str(self.ports.gateway),
            "RX_GATEWAY_REGION": REGION,
            **self._gateway_keys(),
            **{f"RX_LAMBDA_{name}": value for name, value in function.items()},
        }

    def _gateway_keys(self) -> dict[str, str]:
        return {"RX_GATEWAY_ACCESS_KEY": "generate", "RX_GATEWAY_SECRET_KEY": self.keys.gateway}

    def _callers_settings(self) -> dict[str, str]:
        mine = {
            "RX_BASE_URL": self.base_url,
            "RX_DATABASE_URL": f"sqlite:///{self.state.database}",
        }
        callers = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("RX_") and not name.startswith("RX_EDGE_") and name not in _DECIDED_HERE
        }
        if urlsplit(callers.get("RX_BASE_URL", self.base_url)).hostname in (LOOPBACK, "localhost"):
            mine["RX_SECOND_FACTOR"] = "off"  # for looking at; nobody else can come
            mine["RX_WEBHOOK_ALLOW_PRIVATE"] = "on"  # a receiver under development is on this machine, too
        hosts = [callers.get("RX_ALLOWED_HOSTS", ""), self.place.here, "localhost"]  # the probes ask for the address
        return {**mine, **callers, "RX_ALLOWED_HOSTS": ",".join(host for host in hosts if host)}

    def _common(self, role: Role) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "rxproject.settings",
            "PYTHONUNBUFFERED": "1",  # a log line must be in the file before its process dies
            "MALLOC_ARENA_MAX": "2",  # hundreds of threads, most of them asleep, need no heap each
            "RX_ROLE": role.value,
            "RX_STATE_DIR": str(self.state.root),
            "RX_METRICS_DIR": str(self.state.metrics),
            "RX_UPLOAD_DIR": str(self.state.uploads),
            "RX_PORT": str(self.ports.front),
            "RX_REDIS_URL": self.redis_url,
            "RX_S3_ENDPOINT": self.s3_endpoint,
            "RX_S3_REGION": REGION,
            "RX_ORIGINALS_BUCKET": ORIGINALS,
            "RX_VARIANTS_BUCKET": VARIANTS,
            "RX_AUDIT_BUCKET": AUDIT,
            "RX_STORE_COMPACT_URL": f"http://{self.place.s3}:{self.ports.s3 + 1}",
        }

    def _private(self, role: Role) -> dict[str, str]:
        signs = role in _SIGNERS
        private = {"RX_SECRET_KEY": self.keys.web_secret if signs else self.keys.worker_secret}
        if signs:
            private["RX_LINK_KEYS"] = self.keys.link_keys
        if role in _RECORDERS:
            private["RX_AUDIT_KEYS"] = self.keys.audit_keys
        if role is Role.BEAT:
            private["RX_METRICS_LISTEN"] = f"{LOOPBACK}:{self.ports.metrics}"  # of all: they share a directory
            private["RX_ACCESS_LOGS"] = f"edge={self.state.access_log}"
        if self.uses_lambda:
            private["RX_GATEWAY_URL"] = f"http://{LOOPBACK}:{self.ports.gateway}/render"
            if role in _DISPATCHERS:
                private.update(self._gateway_keys())
        if identity := _IDENTITIES[role]:
            private["RX_S3_ACCESS_KEY"] = identity.value
            private["RX_S3_SECRET_KEY"] = self.keys.s3[identity.value]
        return private


def shell() -> dict[str, str]:
    """The part of the caller's environment that every server gets."""
    return {name: os.environ[name] for name in _FROM_SHELL if name in os.environ}
