"""What runstack prints once everything is up: where to look, who may log in, how to stop."""

import os
from collections.abc import Mapping
from typing import Any

from rxproject.local.stack.stack import Stack

_PAGES = (
    ("Review queue and admin", "/admin/"),
    ("REST API", "/api/v1/docs"),
)


def banner(stack: Stack, *, seconds: float, demo: Mapping[str, Any] | None) -> str:
    """One block of text. `demo` is the content of demo.json, or None without --demo."""
    rows = [(title, stack.base_url + path) for title, path in _PAGES]
    if demo:
        rows.insert(0, ("Upload as a customer", demo["order_link"]))
        rows += [
            (f"Log in as {role}", f"{user['username']} / {user['password']}") for role, user in demo["users"].items()
        ]
        rows += [("Tokens and samples", str(stack.state.demo))]
    rows += [("Logs", str(stack.log_path("*"))), ("Stop", f"Ctrl-C, or: kill {os.getpid()}")]
    width = max(len(title) for title, _ in rows)
    lines = [f"  {title:<{width}}  {value}" for title, value in rows]
    return "\n".join(["", f"Ready in {seconds:.1f} s: {stack.base_url}", *lines, ""])
