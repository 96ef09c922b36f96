"""WSGI entry for gunicorn."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

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


django.setup(set_prefix=False)
application = Handler()
