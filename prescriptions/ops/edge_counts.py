"""What edges answered, counted from their access logs when Prometheus asks.

A hit costs nothing for it: nginx writes these lines anyway, and neither Python nor JavaScript is on its way.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from prescriptions.audit import edge_lines
from prescriptions.infra.per_process import per_process
from prescriptions.upkeep import duties

CACHE_FILE: Final = "cache-bytes"
# What one look takes in at most: some 100,000 lines, a second's work. What is more waits for the next.
_BYTES: Final = 32 * 1024 * 1024
# Longer than Prometheus leaves between two looks.
_LEAD_SECONDS: Final = 90


class Edge:
    """Counts the lines that one edge has written since this was made; `most` bytes of them at each look."""

    def __init__(self, log: Path, *, most: int = _BYTES) -> None:
        self._most = most
        self.answers: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._log = log
        self._file = self._open()
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def read(self) -> None:
        """To the end of what there is; of a file that was rotated away, too, before the next one."""
        left, self._file = self._most, self._file or self._open()
        while self._file and left > 0:
            left -= self._take(self._file, left)
            if left <= 0 or self._is_current(self._file):
                return
            self._file.close()
            self._file = self._open()

    def close(self) -> None:
        if self._file:
            self._file.close()

    def cached(self) -> int | None:
        """Bytes in the edge's cache, as its start script writes them down; None where nobody does."""
        with suppress(OSError, ValueError):
            return int((self._log.parent / CACHE_FILE).read_text())
        return None

    def _open(self) -> BinaryIO | None:
        try:
            return self._log.open("rb")
        except OSError:
            return None

    def _is_current(self, file: BinaryIO) -> bool:
        """Also as long as there is no other."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._log.stat())
        except OSError:
            return True

    def _take(self, file: BinaryIO, most: int) -> int:
        if os.fstat(file.fileno()).st_size < file.tell():  # cut off: it begins anew
            file.seek(0)
        taken = 0
        while taken < most and (line := file.readline()):
            if not line.endswith(b"\n"):  # nginx is still writing it
                file.seek(-len(line), os.SEEK_CUR)
                break
            taken += len(line)
            self._count(line)
        return taken

    def _count(self, line: bytes) -> None:
        try:
            said = edge_lines.answer(line)
        except edge_lines.Malformed:
            return
        self.answers[said.outcome] += 1
        self.bytes[said.outcome] += said.size


@per_process
def _edges() -> dict[str, Edge]:
    """By name; each begins at the end of its log when it is asked for first."""
    return {}


def forget() -> None:
    """For tests: as if nothing had been read."""
    for edge in _edges().values():
        edge.close()
    _edges().clear()


def told() -> Iterator[Metric]:
    """Of every log in RX_ACCESS_LOGS for which this process leads. Raises DatabaseError."""
    answers = CounterMetricFamily("rx_edge_requests", "Requests that an edge answered.", labels=("edge", "outcome"))
    sent = CounterMetricFamily("rx_edge_bytes", "Bytes of bodies that an edge sent.", labels=("edge", "outcome"))
    cache = GaugeMetricFamily("rx_edge_cache_bytes", "Bytes in an edge's cache.", labels=("edge",))
    for name, log in settings.RX_ACCESS_LOGS.items():
        if not duties.lead(f"edge {name}", seconds=_LEAD_SECONDS):
            if name in _edges():  # somebody else counts from now on: what is written meanwhile is not ours
                _edges().pop(name).close()
            continue
        if name not in _edges():
            _edges()[name] = Edge(log)
        edge = _edges()[name]
        edge.read()
        for outcome in edge_lines.OUTCOMES:
            answers.add_metric([name, outcome], edge.answers[outcome])
            sent.add_metric([name, outcome], edge.bytes[outcome])
        if (size := edge.cached()) is not None:
            cache.add_metric([name], size)
    return (metric for metric in (answers, sent, cache) if metric.samples)
