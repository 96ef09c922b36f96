"""`python -m rxproject.local.gateway`: serve until SIGTERM or SIGINT; the first line of log says where it listens."""

import json
import logging
import signal
import sys
import threading

from rxproject.local.gateway.server import Gateway, log
from rxproject.local.gateway.settings import Settings, SettingsError


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        gateway = Gateway(Settings.from_environ())
    except SettingsError as error:
        sys.exit(str(error))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    log.info(json.dumps({"listening": "{}:{}".format(*gateway.server_address)}))
    stop.wait()
    gateway.close()


if __name__ == "__main__":
    main()
