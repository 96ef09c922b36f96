"""gunicorn's logger without addresses: an order's link and an image's token are in them."""

from typing import Any

from gunicorn.glogging import Logger


class Masked(Logger):  # type: ignore[misc]
    """`--logger-class`. "Error handling request %s" loses its address; nothing else of gunicorn's quotes one."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if "request %s" in msg:
            msg, args = msg.partition(" %s")[0], ()
        super().exception(msg, *args, **kwargs)
