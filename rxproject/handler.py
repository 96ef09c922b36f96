"""How a WSGI environment becomes a request, and what goes back of an answer to HEAD."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters


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
    """To HEAD the headers alone (RFC 9110 §9.3.2): servers drop a body that comes all the same, and complain."""

    request_class = Request

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response
