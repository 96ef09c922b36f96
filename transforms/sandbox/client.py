"""Renders and probes uploads in disposable processes: whatever a file does to its decoder, this process gets
an answer or a TransformError. One child never serves two owners.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from transforms.errors import (
    RenderCrashed,
    RendererUnavailable,
    RenderMemory,
    RenderTimeout,
    SourceDamaged,
    TransformError,
)
from transforms.formats import SNIFF_BYTES, SourceType, is_pdf, sniff
from transforms.geometry import Size
from transforms.limits import LIMITS, Limits
from transforms.measure.page import Measures
from transforms.measure.probe import Probe
from transforms.pdf.engines import ENGINES, PDFIUM, POPPLER
from transforms.render import Rendered, RenderJob
from transforms.sandbox import wire
from transforms.sandbox.confine import Confinement
from transforms.sandbox.pool import Pool
from transforms.sandbox.spares import BOOT
from transforms.sandbox.worker import NeverStartedError, Worker, bound

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 3
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
_Answer = TypeVar("_Answer")


class Sandbox:
    """Starts its processes on first use. Threads may share it; a forked copy of the process starts its own.

    `spares` children are kept ready: as many as renders are expected to begin at once. `limits` bind the children and
    what is believed of their answers; a call takes at most `limits.call_seconds`. `program` is what the zygote runs: a
    test may start one of its own, and nothing that a request says can choose it. Where the machine does not let
    children be bound by seccomp, nothing is rendered, unless it may be `unfiltered`.
    """

    def __init__(
        self,
        *,
        spares: int = 1,
        pdf_engines: Sequence[str] = ENGINES,
        limits: Limits = LIMITS,
        program: Path = BOOT,
        unfiltered: bool = False,
    ) -> None:
        self._spares = spares
        self._pdf_engines = tuple(pdf_engines)
        self._limits = limits
        self._pool = Pool(wanted=spares, limits=limits, program=program, unfiltered=unfiltered)

    def probe(self, data: bytes, *, owner: str, thumbnail: bool = False) -> Probe:
        """What `data` is, in one job. `owner` is the prescription's id. Raises TransformError."""
        engines, deadline = self._engines(is_pdf=is_pdf(data)), self._deadline()
        work = partial(_probed, data, self._limits)
        if is_pdf(data):
            with suppress(SourceDamaged, RenderCrashed, RenderTimeout, RenderMemory):
                return self._by_engines(engines[:1], owner, wire.Probing(thumbnail), work, deadline)
        # For a PDF: what went wrong may be a page behind the first, which is for those to meet who ask for it.
        job = wire.Probing(thumbnail, first_only=True)
        return self._by_engines(engines, owner, job, work, deadline)

    def measure(
        self, data: bytes, kind: SourceType, pages: Sequence[tuple[int, Size]], *, owner: str
    ) -> tuple[Measures, ...]:
        """Of `pages`, given as number in the document and size, those for which there is time in one job: the first of
        them, at least. Raises TransformError, if that is for the first one.
        """
        engines = self._engines(is_pdf=kind is SourceType.PDF)
        job = wire.Measuring(kind, tuple(pages))
        return self._by_engines(engines, owner, job, partial(_measured, data, len(pages)), self._deadline())

    def render(self, data: bytes, job: RenderJob, *, owner: str, behind: bool = False) -> Rendered:
        """The variant. `owner` is the prescription's id. Raises TransformError.

        `behind`: nobody waits for it, so it computes when nothing else does. `timings` gets one more entry, "sandbox":
        what isolation added, waiting for a child included.
        """
        began = time.monotonic()
        engines = self._engines(is_pdf=job.media_type is SourceType.PDF)
        work = partial(_rendered, data, job)
        rendered = self._by_engines(engines, owner, job, work, self._deadline(), behind=behind)
        took = (time.monotonic() - began) * 1000
        timings = {**rendered.timings, "sandbox": round(took - sum(rendered.timings.values()), 3)}
        return replace(rendered, timings=timings)

    def _by_engines(
        self,
        engines: Sequence[str],
        owner: str,
        job: wire.Job,
        work: Callable[[wire.Request, Worker], _Answer],
        deadline: float,
        *,
        behind: bool = False,
    ) -> _Answer:
        """The answer of the first of `engines` that has one; all of them share the time until `deadline`."""
        failure = None
        for engine in engines:
            request = wire.Request(owner=owner, job=job, engine=engine, deadline=deadline)
            try:
                return self._ask(request, partial(work, request), behind=behind)
            except (SourceDamaged, RenderCrashed) as error:
                failure = failure or error  # the first engine's words: it is the better one
        raise failure or RendererUnavailable("No engine for PDF pages is available.")

    def assemble(self, pages: BinaryIO, sizes: Sequence[int], *, a4: bool = False, owner: str) -> BinaryIO:
        """One PDF of the single-page PDFs of `sizes` bytes that lie back to back in the file `pages`.

        `a4` puts each on a sheet of A4. The result is a file in memory, at its start, which nobody can change any more.
        Raises TransformError.
        """
        job = wire.Assembly(tuple(sizes), a4)
        request = wire.Request(owner=owner, job=job, engine=PDFIUM, deadline=self._deadline())
        with ExitStack() as unless_done:
            # Sheets of A4 add a little to the pages.
            most = self._limits.document_bytes + self._limits.variant_bytes
            made = unless_done.enter_context(_file("document", most))
            self._ask(request, lambda worker: _assembled(worker.converse(request, pages.fileno(), made.fileno()), made))
            unless_done.pop_all()
            return made

    def warm(self) -> None:
        """Returns once all spare children are ready. Raises RendererUnavailable."""
        workers = [self._pool.take(None) for _ in range(max(1, self._spares))]
        try:
            for worker in workers:
                worker.wait_ready(self._deadline())
        except NeverStartedError as error:
            raise RendererUnavailable from error
        finally:
            for worker in workers:
                self._pool.keep_spare(worker)

    def capabilities(self) -> Confinement:
        """Which protections hold in the children on this machine. Raises RendererUnavailable."""
        return self._pool.spares().confinement

    def processes(self) -> tuple[tuple[int, str | None], ...]:
        """(pid, owner) of the zygote, first, and of every child known to be ready; a spare has no owner."""
        return self._pool.processes()

    def close(self) -> None:
        """Ends all processes. The next call would start them again."""
        self._pool.close()

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.call_seconds

    def _engines(self, *, is_pdf: bool) -> tuple[str, ...]:
        if not is_pdf:
            return (PDFIUM,)  # the usual kind of child
        poppler = POPPLER in self._pdf_engines and self.capabilities().poppler
        return tuple(engine for engine in ENGINES if engine in self._pdf_engines and (poppler or engine != POPPLER))

    def _ask(self, request: wire.Request, work: Callable[[Worker], _Answer], *, behind: bool = False) -> _Answer:
        log.debug("job", extra={"rx": request.owner, "job": request.kind})
        for _ in range(_ATTEMPTS):
            worker = self._pool.take(request.owner, may_exec=request.engine == POPPLER, behind=behind)
            reusable = False
            try:
                answer = work(worker)
            except NeverStartedError:
                continue
            except wire.WireError as error:
                log.error("A renderer sent an answer that is not acceptable: %s", error)
                raise RenderCrashed from error
            except TransformError as error:
                reusable = error.permanent  # it has told what is wrong with the file, in good health
                raise
            else:
                reusable = True
                return answer
            finally:
                self._pool.give_back(worker, reusable=reusable and request.keeps_child)
        raise RendererUnavailable


def _probed(data: bytes, limits: Limits, request: wire.Request, worker: Worker) -> Probe:
    fields, result = worker.run(request, data)
    return wire.decode_probe(fields, result, sniff(data[:SNIFF_BYTES]), limits)


def _measured(data: bytes, most: int, request: wire.Request, worker: Worker) -> tuple[Measures, ...]:
    return wire.decode_measures(worker.run(request, data)[1], most)


def _rendered(data: bytes, job: RenderJob, request: wire.Request, worker: Worker) -> Rendered:
    return wire.decode_rendered(*worker.run(request, data), asked=job.stored)


def _file(name: str, most: int) -> BinaryIO:
    """A file in memory for a result of at most so many bytes."""
    try:
        made = os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b")
        bound(made.fileno(), most)
        return made
    except OSError as error:  # no descriptor or memory left
        raise RendererUnavailable from error


def _assembled(fields: wire.Fields, made: BinaryIO) -> None:
    """Takes the file away from the child, which may still hold it, and looks at what it wrote."""
    try:
        fcntl.fcntl(made.fileno(), fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        raise wire.WireError("the child does not let go of the document") from error
    size = os.fstat(made.fileno()).st_size
    wire.check_assembled(fields, size, os.pread(made.fileno(), 16, 0))
    made.seek(0)
