"""WSGI entry for gunicorn."""

import gc
import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connections
from django.urls import get_resolver
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")


class Request(WSGIRequest):
    """A Content-Type that cannot be read (`x*=nonsense''%41`) counts as none, and everything is UTF-8.

    Django parses it before any middleware runs, and reads query and form in whatever `charset` it names: hex, rot13 or
    utf-16 raise there, and that would be the server's bare 500.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            self.content_type, self.content_params = "", {}
        self.content_params.pop("charset", None)


class Handler(WSGIHandler):
    request_class = Request


def _forget_connections() -> None:
    """In a fork: a socket to the database that two processes use answers the one with what the other asked.

    Nothing asks the database before gunicorn forks; should something start to, its connections stay the parent's. They
    are kept, not closed: closing would tell the server to end them.
    """
    pools: dict[str, object] = getattr(connections["default"], "_connection_pools", {})
    _inherited.append((dict(pools), [one.connection for one in connections.all(initialized_only=True)]))
    pools.clear()
    for one in connections.all(initialized_only=True):
        one.connection = None


_inherited: list[object] = []
os.register_at_fork(after_in_child=_forget_connections)

django.setup(set_prefix=False)
from prescriptions.ops import checks  # noqa: E402 - Lazy: its models need the apps to be loaded

checks.refuse_wrong_settings()
get_resolver().url_patterns  # noqa: B018 - every view, loaded once and not in each fork
application = Handler()
gc.collect()
gc.freeze()  # forks share these pages as long as the collector leaves them alone
