"""`python -m rxproject.local.gateway`: serve until SIGTERM or SIGINT; the first line of log says where it listens."""

import asyncio
import json
import logging
import signal
import sys

from rxproject.local.gateway.server import Gateway
from rxproject.local.gateway.settings import Settings, SettingsError


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = Gateway(settings)
    port = await gateway.listen()
    logging.getLogger("rx.gateway").info(json.dumps({"listening": f"{settings.host}:{port}"}))
    await stop.wait()
    await gateway.close()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        settings = Settings.from_environ()
    except SettingsError as error:
        sys.exit(str(error))
    asyncio.run(_serve(settings))


if __name__ == "__main__":
    main()
