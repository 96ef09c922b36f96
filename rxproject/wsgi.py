"""WSGI entry for gunicorn."""

import gc
import os

import django
from django.db import connections
from django.urls import get_resolver

from rxproject.handler import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")


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
