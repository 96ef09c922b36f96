"""Fills deploy/nginx/nginx.conf.template, for runstack and the tests; the container does the same with envsubst.

Must never be given a secret: those reach nginx by environment (EDGE_SECRETS).
"""

import re
from collections.abc import Mapping

# Every placeholder of the template. deploy/nginx/README.md says what each one means.
EDGE_NAMES = (
    "RX_BASE_URL",
    "RX_EDGE_CA_FILE",
    "RX_EDGE_GENERATE",
    "RX_EDGE_JS_DIR",
    "RX_EDGE_LISTEN",
    "RX_EDGE_RESOLVER",
    "RX_EDGE_RUN_DIR",
    "RX_EDGE_S3_HOST",
    "RX_EDGE_S3_SCHEME",
    "RX_EDGE_TMPFS_DIR",
    "RX_EDGE_TRUSTED_PROXY",
    "RX_EDGE_WEB",
    "RX_EDGE_WEB_CA_FILE",
    "RX_EDGE_WEB_SCHEME",
    "RX_PIPELINE",
    "RX_S3_REGION",
    "RX_VARIANTS_BUCKET",
)
# Read by njs from nginx's own environment.
EDGE_SECRETS = ("RX_LINK_KEYS", "RX_EDGE_ACCESS_KEY", "RX_EDGE_SECRET_KEY", "RX_EDGE_CREDENTIALS_FILE")

# Only names of this shape are ours; nginx's own $variables are lower-case.
_PLACEHOLDER = re.compile(r"\$\{(RX_[A-Z0-9_]+)\}")
# A value with one of these would end its directive and begin another.
_UNSAFE = re.compile(r"[;{}\"'\\$\r\n]")


def render(template: str, values: Mapping[str, str]) -> str:
    """The configuration with every `${RX_*}` replaced. KeyError names a missing value, ValueError an unsafe one."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            message = f"{name} is missing; the edge's template needs {', '.join(EDGE_NAMES)}"
            raise KeyError(message)
        if not values[name] or _UNSAFE.search(values[name]):
            message = (
                f"{name} must not be empty or hold quotes, braces, semicolons, backslashes, dollars or line breaks"
            )
            raise ValueError(message)
        return values[name]

    return _PLACEHOLDER.sub(fill, template)
