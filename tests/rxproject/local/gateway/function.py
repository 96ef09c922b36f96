"""A Lambda function that does whatever a test asks for. Runs inside the gateway's runtimes.

`hold` names a folder: the function says there that it began, and goes on when a file `go` is there.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

_COUNT = {"calls": 0}


def handler(event: dict[str, Any], context: Any) -> Any:
    _COUNT["calls"] += 1
    asked = json.loads(event["body"])
    if "exit" in asked:
        os._exit(asked["exit"])
    if "kill" in asked:
        os.kill(os.getpid(), signal.SIGKILL)
    if "abort" in asked:
        os.abort()
    if "raise" in asked:
        raise RuntimeError(asked["raise"])
    if "allocate_mib" in asked:
        asked["allocated"] = len(bytearray(asked["allocate_mib"] * 1024 * 1024))
    time.sleep(asked.get("sleep", 0))
    if "hold" in asked:
        folder = Path(asked["hold"])
        (folder / f"began-{os.getpid()}").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)
        (folder / "done").touch()
    if "return" in asked:
        return asked["return"]
    if "bytes" in asked:
        return {"statusCode": 200, "body": "x" * asked["bytes"]}
    answer = {
        "asked": asked,
        "pid": os.getpid(),
        "calls": _COUNT["calls"],
        "event": event,
        "env": dict(os.environ),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "aws_request_id": context.aws_request_id,
    }
    headers = {"Content-Type": "application/json", "X-Custom": "yes"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(answer)}
