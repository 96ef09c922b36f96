"""One renderer process: serves the jobs of one owner and dies. It runs the decoders, so it must be assumed
hostile from its first job on: it holds no secret and can reach nothing but its own channel.
"""

import os
import signal
import socket
from typing import Final, NoReturn

from transforms.errors import RenderCrashed, RenderMemory, TransformError
from transforms.limits import LIMITS
from transforms.measure.probe import probe
from transforms.render import render
from transforms.sandbox import confine, heap, warm_up, wire
from transforms.sandbox.preload import POPPLER_FOLDERS

IDLE_SECONDS: Final = 3.0  # how long a child waits for its owner's next page


def serve(channel: int, *, zygote: int, seccomp: bool, may_exec: bool) -> NoReturn:
    """Never returns. `channel` is the only descriptor besides 0, 1 and 2 that is open."""
    confine.die_with(zygote)
    if may_exec:
        os.environ["PATH"] = os.pathsep.join(POPPLER_FOLDERS)  # pdf2image looks there for pdftoppm
    heap.fault_in()
    confine.child(seccomp=seccomp, may_exec=may_exec)
    warm_up.run(warm_up.SMALL + "default.jpg", warm_up.LARGE + "default.jpg")
    with socket.socket(fileno=channel) as parent:
        parent.send(b"%d" % os.getpid())
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
            parent.send(_answer(request, source, result))
            os.close(source)
            os.close(result)
            parent.settimeout(IDLE_SECONDS)


def _answer(request: wire.Request, source: int, result: int) -> bytes:
    signal.setitimer(signal.ITIMER_PROF, LIMITS.child_cpu_seconds)
    try:
        if isinstance(request.job, wire.Assembly):
            return _assembled(request.job, source, result)
        data = os.read(source, os.fstat(source).st_size)
        if request.job is None:
            return wire.encode_probe(probe(data))
        rendered = render(data, request.job, engines=(request.engine,), deadline=request.deadline)
        view = memoryview(rendered.data)
        while view:
            view = view[os.write(result, view) :]
        return wire.encode_rendered(rendered)
    except TransformError as error:
        return wire.encode_failure(error)
    except MemoryError:
        return wire.encode_failure(RenderMemory())
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent must hear of it
        return wire.encode_failure(RenderCrashed(), cause=error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _assembled(job: wire.Assembly, source: int, result: int) -> bytes:
    from transforms.pdf.assemble import (  # the parent imports this module and has no use for a PDF library
        assemble,
        parts,
    )

    with open(result, "wb", closefd=False) as out:
        assemble(tuple(parts(source, job.sizes)), out, a4=job.a4)
        return wire.encode_assembled(out.tell())
