"""WSGI entry for gunicorn."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")


class Request(WSGIRequest):
    """A Content-Type that cannot be read (`x*=nonsense''%41`) counts as none.

    Django parses it before any middleware runs, so its ValueError would be the server's bare 500.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except ValueError:
            super()._set_content_type_params({})  # type: ignore[misc]


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
application = Handler()
