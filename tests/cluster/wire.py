"""A long wire: `python -m tests.cluster.wire ONE OTHER DELAY_MS LOSS` carries packets between two interfaces, each way
so much later, and loses some. `tc netem` would do the same, where the kernel has it; many have not.
"""

import random
import selectors
import socket
import sys
import time
from collections import deque
from typing import Final

_ALL: Final = 0x0003  # ETH_P_ALL
_SOL_PACKET, _VNET_HDR, _IGNORE_OUTGOING = 263, 15, 23
_LARGEST: Final = 1 << 17


def _open(interface: str) -> socket.socket:
    """Whole packets as the kernel has them, with what it still means to do to them (checksum, segments) in front."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    end.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
    end.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)  # or it would hear itself
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    end.bind((interface, 0))
    end.setblocking(False)
    return end


def main(one: str, other: str, delay_ms: str, loss: str) -> None:
    delay, lost = float(delay_ms) / 1000, float(loss)
    ends = (_open(one), _open(other))
    under_way: deque[tuple[float, socket.socket, bytes]] = deque()  # all wait as long, so they leave as they came
    ready = selectors.DefaultSelector()
    for at, end in enumerate(ends):
        ready.register(end, selectors.EVENT_READ, ends[1 - at])
    while True:
        pause = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in ready.select(pause):
            packet = key.fileobj.recv(_LARGEST)  # type: ignore[union-attr]
            if random.random() >= lost:
                under_way.append((time.monotonic() + delay, key.data, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _at, end, packet = under_way.popleft()
            try:
                end.send(packet)
            except OSError:
                continue  # no room, or the other end has gone: lost, as packets are


if __name__ == "__main__":
    main(*sys.argv[1:])
