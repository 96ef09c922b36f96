"""One renderer process: serves the jobs of one owner and ends. It runs the decoders, so it must be assumed hostile
from its first job on: it holds no secret and can reach nothing but its own channel.
"""

import io
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any, NoReturn, TypedDict

from transforms.errors import RenderCrashed, RenderMemory, TransformError
from transforms.fonts import files
from transforms.limits import Limits
from transforms.measure import probe
from transforms.pdf import assemble
from transforms.render import Rendered
from transforms.sandbox import confine, heap, warm_up, wire
from transforms.sandbox.kernel import syscalls
from transforms.sandbox.preload import POPPLER_FOLDERS

Render = Callable[..., Rendered]  # with the parameters of `transforms.render.render`


class Within(TypedDict):
    """What every job of a child is bound by."""

    engines: tuple[str, ...]
    deadline: float
    limits: Limits


def serve(channel: int, *, zygote: int, seccomp: bool, may_exec: bool, limits: Limits, render: Render) -> NoReturn:
    """Confines this process and answers requests until the parent closes `channel`, a file descriptor.

    `channel` is the only descriptor besides 0, 1 and 2 that is open. `zygote` is the pid to end with. `render` makes
    the variants.
    """
    confine.die_with(zygote)
    if may_exec:
        os.environ["PATH"] = os.pathsep.join(POPPLER_FOLDERS)  # pdf2image looks there for pdftoppm
        if not files.missing():
            os.environ["FONTCONFIG_FILE"] = str(files.FONTCONFIG)
    confine.limit(limits, may_exec=may_exec)
    with socket.socket(fileno=channel) as parent:
        _introduce(parent, seccomp=seccomp, may_exec=may_exec)
        if not _is_asked(channel, within=limits.child_leisure_seconds):
            warm_up.run(warm_up.SMALL + "default.jpg", warm_up.LARGE + "default.jpg")
            if not _is_asked(channel, within=limits.child_quiet_seconds):
                heap.give_back()  # on a quiet machine most spares wait for hours
        owner: str | None = None
        while True:
            message, descriptors, _, _ = socket.recv_fds(parent, wire.MESSAGE_BYTES, 2)
            if not message:
                os._exit(0)
            parent.send(wire.STARTED)
            request = wire.Request.decode(message)
            if owner not in (None, request.owner):
                os._exit(os.EX_SOFTWARE)  # never two prescriptions in one process
            owner = request.owner
            source, result = descriptors
            if may_exec:
                os.dup2(source, 0)  # where poppler reads it
            parent.send(_answer(request, source, result, limits, render))
            os.close(source)
            os.close(result)
            if not _is_asked(channel, within=limits.child_idle_seconds):
                os._exit(0)


def _introduce(parent: socket.socket, *, seccomp: bool, may_exec: bool) -> None:
    """Says that this process is ready, and hands over what its threads or programs are counted by."""
    questions = [syscalls.leave_to_parent()] if seccomp else []
    socket.send_fds(parent, [b"%d" % os.getpid()], questions)
    for descriptor in questions:
        os.close(descriptor)
    if seccomp:
        syscalls.confine_renderer(may_exec=may_exec)


def _is_asked(channel: int, *, within: float) -> bool:
    """True as soon as there is something to do: where jobs queue, nobody gains by a child that warms up first."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(within * 1000))


def _answer(request: wire.Request, source: int, result: int, limits: Limits, render: Render) -> bytes:
    signal.setitimer(signal.ITIMER_PROF, limits.child_cpu_seconds)
    try:
        if isinstance(request.job, wire.Assembly):
            return _assembled(request.job, source, result)
        data, job = os.pread(source, os.lseek(source, 0, os.SEEK_END), 0), request.job
        within: Within = {"engines": (request.engine,), "deadline": request.deadline, "limits": limits}
        if isinstance(job, wire.Probing):
            found = probe.probe(data, **within, thumbnail=job.thumbnail, first_only=job.first_only)
            _write(result, wire.encode_measures(found.measures, found.thumbnail))
            return wire.encode_probe(found)
        if isinstance(job, wire.Measuring):
            _write(result, wire.encode_measures(probe.measure(data, job.media_type, job.pages, **within)))
            return wire.MEASURED
        rendered = render(data, job, **within)
        _write(result, rendered.data)
        return wire.encode_rendered(rendered)
    except TransformError as error:
        return wire.encode_failure(error)
    except MemoryError:
        return wire.encode_failure(RenderMemory())
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent must hear of it
        return wire.encode_failure(RenderCrashed(), cause=error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class _Result(io.RawIOBase):
    """The file that the parent made for the result, as large as any may be: it cannot grow, and is cut at the end."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        written = os.write(self._descriptor, data)
        self._written += written
        return written

    def close(self) -> None:
        if not self.closed:
            os.ftruncate(self._descriptor, self._written)
        super().close()


def _write(result: int, data: bytes) -> None:
    with io.BufferedWriter(_Result(result)) as out:
        out.write(data)


def _assembled(job: wire.Assembly, source: int, result: int) -> bytes:
    with io.BufferedWriter(_Result(result)) as out:
        assemble.assemble(tuple(assemble.parts(source, job.sizes)), out, a4=job.a4)
        return wire.encode_assembled(out.tell())
