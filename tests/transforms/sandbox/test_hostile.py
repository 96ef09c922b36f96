"""What a renderer can do once a hostile file has taken it over: nearly nothing, and nothing unnoticed.

What it may not use up is in `test_bounds.py`, what it may not ask of the kernel in `kernel/`.
"""

import ast
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.transforms import fixtures
from tests.transforms.rendering import shows
from tests.transforms.sandbox.hostile import BOOT, CHANNEL, REFUSED, RENDERED, RESULT, attack, explode
from tests.transforms.sandbox.processes import JOB, PHOTO, children_of, zygote_of
from tests.waiting import is_alive, until
from transforms.errors import (
    RenderCrashed,
    RendererBusy,
    RendererUnavailable,
    RenderMemory,
    RenderTimeout,
    SourceDamaged,
    TransformError,
)
from transforms.formats import SourceType
from transforms.limits import LIMITS, MIB, Limits
from transforms.render import RenderJob
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox, worker


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(program=BOOT, limits=Limits(child_cpu_seconds=1, child_idle_seconds=60, variant_bytes=MIB))
    yield made
    made.close()


@pytest.fixture(scope="module")
def poppler_box() -> Iterator[Sandbox]:
    made = Sandbox(program=BOOT, pdf_engines=("poppler",))
    try:
        if not made.capabilities().poppler:
            pytest.skip("poppler-utils is not installed, or this machine has no Landlock")
        yield made
    finally:
        made.close()


def waits_in(pid: int) -> str:
    number = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return "clock_nanosleep" if number in ("230", "115") else ""  # x86-64, aarch64


SYSCALL = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); said = os.strerror(ctypes.get_errno()) if "


@pytest.mark.parametrize(
    "program",
    [
        "import socket; said = socket.socket()",
        "import socket; said = socket.socketpair()",
        "import os; said = os.fork()",
        "import os; said = os.execv('/bin/true', ['true'])",
        "import os; said = os.posix_spawn('/bin/true', ['true'], {})",
        "import os; said = os.kill(os.getppid(), 0)",
        "import os; said = os.kill(1, 0)",
        "import os, signal; said = signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0)",
        "said = open('/etc/passwd').read()",
        "import os; said = open(f'/proc/{os.getppid()}/environ').read()",
        "said = open('/proc/self/environ').read()",
        "import os; said = os.listdir('/')",
        "import os; said = os.listdir('/tmp')",
        "said = open('/tmp/taken-over', 'w')",
        "import os; said = os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "import os; said = os.open('/dev/null', os.O_WRONLY)",
        "import os; said = os.unlink('/tmp/anything')",
        SYSCALL + "c.setrlimit(4, (ctypes.c_ulong * 2)(0, 0)) == -1 else 'done'",
        "import resource as r; said = r.prlimit(0, r.RLIMIT_NOFILE, (9, 9))",
        "import os; said = os.setuid(65534)",
        "import os; said = os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
        SYSCALL + "c.ptrace(16, os.getppid(), 0, 0) == -1 else 'done'",
        SYSCALL + "c.prctl(1, 0, 0, 0, 0) == -1 else 'done'",  # PR_SET_PDEATHSIG
        SYSCALL + "c.prctl(4, 1, 0, 0, 0) == -1 else 'done'",  # PR_SET_DUMPABLE
        SYSCALL + "c.syscall(157, ctypes.c_long((1 << 32) | 1), 0, 0, 0, 0) == -1 else 'done'"
        if os.uname().machine == "x86_64"
        else SYSCALL + "c.syscall(167, ctypes.c_long((1 << 32) | 1), 0, 0, 0, 0) == -1 else 'done'",
        SYSCALL + "c.unshare(0x10000000) == -1 else 'done'",
        SYSCALL + "c.shmget(0, 4096, 0o1600) == -1 else 'done'",
    ],
)
def test_a_taken_over_renderer_is_refused(box: Sandbox, program: str) -> None:
    if missing := box.capabilities().missing:
        pytest.skip(f"this machine does not allow {', '.join(missing)}")

    assert attack(box, program).startswith(REFUSED)
    assert not Path("/tmp/taken-over").exists()  # noqa: S108


@pytest.mark.parametrize(
    "program",
    [
        "import subprocess; said = subprocess.run(['/bin/sh', '-c', 'id'])",
        "import subprocess, sys; said = subprocess.run([sys.executable, '-V'])",
        "import socket; said = socket.socket()",
        "said = open('/etc/passwd').read()",
        "import os; said = os.kill(os.getppid(), 0)",
    ],
)
def test_a_child_that_may_run_poppler_may_run_nothing_else(poppler_box: Sandbox, program: str) -> None:
    job = RenderJob(SourceType.PDF, 1, JOB.stored, JOB.page_size)

    assert attack(poppler_box, program, job=job).startswith(REFUSED)


def test_poppler_draws_what_it_is_handed(poppler_box: Sandbox) -> None:
    data = fixtures.vector_pdf()
    (page,) = poppler_box.probe(data, owner="a").pages
    job = RenderJob(SourceType.PDF, 1, Stored.parse(f"full/{page}/0/default.png"), page)

    picture = poppler_box.render(data, job, owner="a")

    assert shows(Image.open(io.BytesIO(picture.data)), fixtures.CORNERS)


def test_poppler_itself_reads_nothing_else_and_writes_nothing(poppler_box: Sandbox, tmp_path: Path) -> None:
    # given the PDF of somebody else, which anybody else on this machine may read, and a place that anybody may write to
    other, out = tmp_path / "other.pdf", tmp_path / "out"
    other.write_bytes(fixtures.vector_pdf())
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o777)
    job = RenderJob(SourceType.PDF, 1, JOB.stored, JOB.page_size)
    program = f"""
        import os, subprocess
        def run(source, *target):
            done = subprocess.run(["/usr/bin/pdftoppm", "-r", "9", source, *target], stdin=given, capture_output=True)
            return done.returncode, len(done.stdout)
        given = {RESULT}  # the one file that it may write to
        os.ftruncate(given, os.write(given, {other.read_bytes()!r}))
        os.lseek(given, 0, os.SEEK_SET)
        own = run("/dev/stdin")
        said = own, run({str(other)!r}), run("/etc/passwd"), run("/dev/stdin", {str(out)!r})
    """

    # when pdftoppm is started by a renderer that was taken over
    (own_code, own_size), *others = ast.literal_eval(attack(poppler_box, program, job=job))

    # then it draws what it was handed, and that is all
    assert (own_code, own_size > 100) == (0, True)
    assert all(code != 0 and size == 0 for code, size in others[:2]), others
    assert list(tmp_path.iterdir()) == [other]


def test_what_poppler_is_started_from_has_no_network(poppler_box: Sandbox) -> None:
    # A filter is inherited by every program that is executed under it, and cannot be taken off (seccomp(2)).
    job = RenderJob(SourceType.PDF, 1, JOB.stored, JOB.page_size)
    for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
        program = f"import socket; said = socket.socket(socket.{family})"
        assert attack(poppler_box, program, job=job).startswith(REFUSED)


def test_it_finds_no_secret(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RX_S3_SECRET_KEY", "secret")

    assert attack(box, "import os; said = sorted(os.environ)") == "['LANG']"


def test_it_holds_its_own_descriptors_only(box: Sandbox) -> None:
    program = """
        import os
        said = 0
        for number in range(64):
            try:
                os.get_inheritable(number)
                said += 1
            except OSError:
                pass
    """
    # Standard input, output, errors; its channel; the source and the result of the job.
    assert attack(box, program) == "6"


def test_every_child_carries_what_the_machine_promises(box: Sandbox) -> None:
    promised = box.capabilities()
    box.render(PHOTO, JOB, owner="a")
    (child,) = children_of(box, "a")
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())

    assert (status["NoNewPrivs"] == "1") is promised.no_new_privileges
    assert (int(status["CapEff"], 16) == 0) is promised.capabilities_dropped
    assert (status["Seccomp"].strip() == "2") is promised.seccomp


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import os; os.abort()", RenderCrashed),
        ("import ctypes; ctypes.string_at(0)", RenderCrashed),
        ("import os; os._exit(0)", RenderCrashed),
        ("raise SystemExit", RenderCrashed),
        ("raise ZeroDivisionError('Jane Doe')", RenderCrashed),
        ("bytearray(2 << 30)", RenderMemory),
        ("import os; held = bytearray(b'x') * (600 << 20); os.abort()", RenderMemory),
        ("while True: pass", RenderTimeout),
        ("import os; os.close(3); os.closerange(4, 64); os._exit(1)", RenderCrashed),
    ],
)
def test_the_way_a_child_ends_tells_what_went_wrong(
    box: Sandbox, caplog: pytest.LogCaptureFixture, program: str, error: type[TransformError]
) -> None:
    raised = explode(box, program)

    assert type(raised) is error
    assert raised.detail == error.title
    assert "Jane Doe" not in caplog.text
    assert ("ZeroDivisionError at sandbox/child.py:" in caplog.text) is ("Zero" in program)
    assert children_of(box, "bomber") == []
    assert box.render(PHOTO, JOB, owner="villain").width == 160


def test_a_child_that_refuses_to_end_is_killed() -> None:
    box = Sandbox(program=BOOT, limits=Limits(child_exit_seconds=0.2))
    box.warm()
    (child,) = children_of(box, None)

    assert type(explode(box, "import os, time; os.closerange(3, 64); time.sleep(60)")) is RenderCrashed
    until(lambda: not is_alive(child))
    box.close()


@pytest.mark.parametrize(
    ("program", "wall", "error"),
    [
        # It sleeps: that cannot be told from a child that the machine leaves no time.
        ("import time; time.sleep(60)", 0.5, RendererBusy),
        # It computes, with its timer and its limit out of the way.
        (
            """
            import resource, signal
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            while True: pass
            """,
            60,
            RenderTimeout,
        ),
    ],
)
def test_a_child_that_does_not_come_to_an_end_is_killed(program: str, wall: float, error: type[TransformError]) -> None:
    box = Sandbox(program=BOOT, limits=Limits(child_cpu_seconds=0.5, child_wall_seconds=wall))
    box.warm()
    (child,) = children_of(box, None)

    assert type(explode(box, program)) is error
    until(lambda: not is_alive(child))
    box.close()


def test_no_child_in_time_is_not_the_files_fault() -> None:
    box = Sandbox(program=BOOT, limits=Limits(child_ready_seconds=0))
    box.capabilities()

    assert type(explode(box, "import time; time.sleep(60)")) is RendererUnavailable
    box.close()


@pytest.mark.parametrize(
    "answer",
    [
        RENDERED % ("b'<script>'", "'image/jpeg'", 160, 120),
        RENDERED % (r"b'\xff\xd8\xff'", "'text/html'", 160, 120),
        RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", 161, 120),
        RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", "True", 120),
        RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", "'160'", 120),
        RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", "[]", 120),
        RENDERED % ("b''", "'image/jpeg'", 160, 120),
        "import os\nfor n in range(3, 9):\n try: os.write(n, b'\\x80\\x04N.')\n except OSError: pass\nos._exit(0)",
        "import os\nfor n in range(3, 9):\n try: os.write(n, b'[' * 60000)\n except OSError: pass\nos._exit(0)",
        """import os\nfor n in range(3, 9):\n try: os.write(n, b'{"code": 7}')\n except OSError: pass\nos._exit(0)""",
    ],
)
def test_a_lie_is_not_believed(box: Sandbox, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    assert type(explode(box, answer)) is RenderCrashed
    assert "not acceptable" in caplog.text
    assert children_of(box, "bomber") == []


def test_a_result_beyond_the_limit_cannot_be_written(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    assert type(explode(box, RENDERED % ("bytes(2 << 20)", "'image/jpeg'", 160, 120))) is RenderCrashed
    assert "PermissionError at sandbox/child.py:" in caplog.text


ANSWERS = [
    {"code": "source-damaged", "detail": "<script>alert(1)</script>"},
    {"code": "source-damaged", "detail": ["PDF_EMPTY"]},
    {"code": "source-damaged", "detail": None},
    {"code": "<script>"},
    {"code": ["source-damaged"]},
    {"code": "render-crashed", "cause": "ValueError: Jane Doe"},
    {"code": "render-crashed", "cause": ["Jane Doe", "render.py", 1]},
    {"code": "render-crashed", "cause": ["print", "render.py", 1]},
    {"code": "render-crashed", "cause": ["ValueError", "Jane Doe.py", 1]},
    {"code": "render-crashed", "cause": ["ValueError", "render.py", 74656]},
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_nothing_that_a_renderer_writes_is_told_to_anybody(
    box: Sandbox, caplog: pytest.LogCaptureFixture, answer: dict[str, object]
) -> None:
    raised = explode(box, f"import os; os.write({CHANNEL}, {json.dumps(answer).encode()!r}); os._exit(0)")

    assert (type(raised), raised.detail) == (RenderCrashed, RenderCrashed.title)
    assert all(word not in caplog.text for word in ("script", "Jane", "print", "74656"))


def test_a_renderer_can_choose_among_our_own_sentences(box: Sandbox) -> None:
    raised = explode(box, "from transforms.errors import *\nraise SourceDamaged(Detail.PDF_EMPTY)", owner="chooser")

    assert (type(raised), raised.detail) == (SourceDamaged, "The PDF has no pages.")
    assert explode(box, "from transforms.errors import *\nraise SourceDamaged('Jane')", owner="chooser").detail == (
        SourceDamaged.title
    )


@pytest.mark.parametrize("timings", ["{'Jane Doe': 1.0}", "{'open': float('nan')}", "{'open': 1e9}", "{'open': 'x'}"])
def test_times_that_no_render_takes_are_not_believed(box: Sandbox, timings: str) -> None:
    answer = RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", 160, 120)

    assert type(explode(box, answer.replace("{'open': 1.0}", timings))) is RenderCrashed


@pytest.mark.parametrize("who", ["child", "zygote"])
def test_a_kill_in_the_middle_of_a_render_says_nothing_of_the_file(box: Sandbox, who: str) -> None:
    errors: list[TransformError] = []
    thread = threading.Thread(target=lambda: errors.append(explode(box, "import time; time.sleep(60)")))
    thread.start()
    until(lambda: children_of(box, "bomber") != [])
    zygote, (child,) = zygote_of(box), children_of(box, "bomber")

    # As soon as it has begun: before that, another child would get the job, and rightly.
    until(lambda: "clock_nanosleep" in waits_in(child))
    os.kill(child if who == "child" else zygote, signal.SIGKILL)
    thread.join(60)

    assert [type(error) for error in errors] == [RendererUnavailable]
    assert box.render(PHOTO, JOB, owner="a").width == 160
    assert (zygote_of(box) == zygote) is (who == "child")


@pytest.mark.parametrize(
    ("status", "peak_kb", "error"),
    [
        (signal.SIGABRT, 900_000, RenderMemory),
        (signal.SIGKILL, 900_000, RenderMemory),
        (signal.SIGKILL, 90_000, RendererUnavailable),
        (signal.SIGABRT, 90_000, RenderCrashed),
        (signal.SIGSEGV, 90_000, RenderCrashed),
        (signal.SIGPROF, 900_000, RenderTimeout),
        (signal.SIGXCPU, 90_000, RenderTimeout),
        (1 << 8, 900_000, RenderCrashed),
    ],
)
def test_the_error_of_an_exit_status(status: int, peak_kb: int, error: type[TransformError]) -> None:
    assert type(worker.exit_error(status, peak_kb, LIMITS)) is error
