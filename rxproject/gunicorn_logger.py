"""gunicorn's logger without addresses: an order's link and an image's token are in them."""

from typing import Any

from gunicorn.glogging import Logger


class Masked(Logger):  # type: ignore[misc]
    """`--logger-class`. "Error handling request %s" and "Invalid request from ip=…: …" lose what they quote."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if "request %s" in msg:
            msg, args = msg.partition(" %s")[0], ()
        super().exception(msg, *args, **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        super().warning(msg.partition(":")[0] if msg.startswith("Invalid request") else msg, *args, **kwargs)
