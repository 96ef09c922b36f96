"""A renderer that was taken over takes no more than it may: of memory by any kind of page, of threads, of time after
its answer. What it reached is read from the kernel, not from what it says.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.transforms.sandbox.hostile import (
    BOOT,
    CHANNEL,
    REFUSED,
    RENDERED,
    RESULT,
    SOURCE,
    attack,
    explode,
    hostile,
)
from tests.transforms.sandbox.processes import JOB, PHOTO, children_of
from tests.waiting import is_alive, until
from transforms.errors import RenderCrashed, RendererUnavailable
from transforms.formats import SourceType
from transforms.limits import LIMITS, MIB, Limits
from transforms.render import RenderJob
from transforms.sandbox import Sandbox

MEMORY = 512 * MIB
JPEG = RENDERED % (r"b'\xff\xd8\xff'", "'image/jpeg'", 160, 120)
ANSWER = rb'{"media_type": "image/jpeg", "width": 160, "height": 120, "bytes": %d, "timings": {}}'


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(program=BOOT, limits=Limits(child_memory_bytes=MEMORY, child_idle_seconds=60))
    yield made
    made.close()


@pytest.fixture(scope="module")
def brisk() -> Iterator[Sandbox]:
    """It ends its children soon."""
    made = Sandbox(program=BOOT, pdf_engines=("poppler",), limits=Limits(child_idle_seconds=0.7))
    yield made
    made.close()


def figures(box: Sandbox, owner: str) -> dict[str, int]:
    """The kernel's, in bytes or numbers, of the owner's one child."""
    (child,) = children_of(box, owner)
    rows = re.findall(r"^(\w+):\s+(\d+)( kB)?$", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)
    return {name: int(value) * (1024 if unit else 1) for name, value, unit in rows}


# --- Memory ---------------------------------------------------------------------------------------------------------
FILLERS = {
    "anonymous": """
        import mmap
        held = []
        try:
            while True:
                held.append(mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                held[-1].write(b'x' * len(held[-1]))
        except OSError as error:
            said = error.strerror
    """,
    "heap": """
        held = []
        try:
            while True:
                held.append(bytearray(b'x') * (16 << 20))
        except MemoryError:
            said = 'Cannot allocate memory'
            held.clear()
    """,
    "stacks of threads": """
        import threading
        gate = threading.Event()
        threading.stack_size(128 << 20)
        threads = [threading.Thread(target=gate.wait) for _ in range(15)]
        begun = []
        try:
            for thread in threads:
                thread.start()
                begun.append(thread)
        except RuntimeError:
            said = 'Cannot allocate memory'
        gate.set()
        for thread in begun:
            thread.join()
    """,
}


@pytest.mark.parametrize("pages", FILLERS)
def test_memory_ends_at_the_limit(box: Sandbox, pages: str) -> None:
    assert attack(box, FILLERS[pages], owner=pages) == "Cannot allocate memory"

    found = figures(box, pages)
    assert MEMORY // 2 < found["VmPeak"] <= MEMORY
    assert found["VmHWM"] <= MEMORY


@pytest.mark.parametrize(
    "program",
    [
        "import os; said = os.memfd_create('more')",
        "import os; said = os.pipe()",
        "import socket; said = socket.socketpair()",
        "import mmap; said = mmap.mmap(-1, 1 << 20)",  # shared
        "import mmap; said = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)",  # huge
        f"import mmap; said = mmap.mmap({RESULT}, 4096)",
        f"import os; said = os.posix_fallocate({RESULT}, 0, 1 << 20)",
        f"import os; said = os.ftruncate({RESULT}, {LIMITS.variant_bytes + 1})",
        f"import os; os.lseek({RESULT}, {LIMITS.variant_bytes}, 0); said = os.write({RESULT}, b'x')",
        f"import os; said = os.write({SOURCE}, b'x')",
        f"import os; said = os.ftruncate({SOURCE}, 1 << 20)",
    ],
)
def test_there_is_no_other_kind_of_page(box: Sandbox, program: str) -> None:
    assert attack(box, program, owner="pages").startswith(REFUSED)

    assert figures(box, "pages")["RssShmem"] == 0


def test_results_that_a_child_keeps_are_empty(box: Sandbox) -> None:
    # given a child that never lets go of the files of a job, each filled to the brim
    keep = f"import os; os.dup = None; kept = [os.write({RESULT}, b'x' * (8 << 20)) for _ in range(8)]"
    program = f"{keep}\nos.close = lambda descriptor: None\nsaid = sum(kept)"

    assert attack(box, program, owner="keeper") == str(LIMITS.variant_bytes)

    (child,) = children_of(box, "keeper")
    sizes = {name: Path(f"/proc/{child}/fd/{name}").stat().st_blocks for name in (SOURCE, RESULT)}
    assert sizes == {SOURCE: 0, RESULT: 0}


# --- Threads and processes ------------------------------------------------------------------------------------------
def test_threads_are_counted(box: Sandbox) -> None:
    program = """
        import threading, time
        threading.stack_size(1 << 16)
        def more():
            for _ in range(15):
                try:
                    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
                except RuntimeError:
                    time.sleep(0.001)
        several = []
        try:
            for _ in range(5):
                one = threading.Thread(target=more)
                one.start()
                several.append(one)
        except RuntimeError:
            pass
        for one in several:
            one.join(0.5)
        said = 'done'
    """
    assert attack(box, program, owner="threads") == "done"

    assert 8 < figures(box, "threads")["Threads"] <= LIMITS.child_threads


def test_poppler_is_one_program_at_a_time(brisk: Sandbox) -> None:
    program = """
        import os, time
        pids, said = [], ''
        try:
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    try:
                        os.fork()
                    except OSError:
                        pass
                    time.sleep(600)
                pids.append(pid)
        except OSError as error:
            said = error.strerror
        said = pids, said
    """
    if not brisk.capabilities().poppler:
        pytest.skip("poppler-utils is not installed, or this machine has no Landlock")
    job = RenderJob(SourceType.PDF, 1, JOB.stored, JOB.page_size)

    found = re.fullmatch(r"\(\[(\d+)\], 'Resource temporarily unavailable'\)", attack(brisk, program, job=job))

    assert found
    until(lambda: not is_alive(int(found[1])))


# --- After the answer -----------------------------------------------------------------------------------------------
def child_of(box: Sandbox, program: str, owner: str) -> int:
    """The number of the child that has answered with a picture after the program."""
    box.warm()
    (spare,) = children_of(box, None)
    assert box.render(hostile(program), JOB, owner=owner).width == 160
    return spare


STAYS = "import transforms.sandbox.child as child, time\nchild._is_asked = lambda *_, **__: time.sleep(600)\n"


@pytest.mark.parametrize("program", [STAYS, STAYS + "held = bytearray(b'x') * (64 << 20)\nchild.held = held\n"])
def test_a_child_that_sleeps_after_its_answer_is_ended(brisk: Sandbox, program: str) -> None:
    child = child_of(brisk, program + JPEG, "sleeper")

    until(lambda: not is_alive(child))  # and nobody has asked for anything meanwhile


def test_a_child_that_computes_after_its_answer_is_ended_at_once(box: Sandbox) -> None:
    program = (
        "import transforms.sandbox.child as child\ndef spin(*_, **__):\n    while True: pass\nchild._is_asked = spin\n"
    )
    child = child_of(box, program + JPEG, "spinner")

    until(lambda: not is_alive(child))  # it might have waited for its owner for a minute


def test_a_second_answer_is_no_answer(box: Sandbox) -> None:
    twice = ANSWER % 3
    program = f"import os\nos.write({RESULT}, b'\\xff\\xd8\\xff'); os.ftruncate({RESULT}, 3)\n"
    program += f"for _ in range(2): os.write({CHANNEL}, {twice!r})\nimport time; time.sleep(600)"
    box.warm()
    (child,) = children_of(box, None)

    with suppress(RenderCrashed):  # the second may come a moment after the first has been taken
        box.render(hostile(program), JOB, owner="twice")

    until(lambda: not is_alive(child))
    assert box.render(PHOTO, JOB, owner="twice").data.endswith(b"\xff\xd9")


def test_an_answer_that_nobody_asked_for_ends_the_child(box: Sandbox) -> None:
    later = f"""
        import os, threading
        from transforms.render import Rendered
        threading.Timer(0.2, lambda: os.write({CHANNEL}, {ANSWER % 3!r})).start()
        rendered = Rendered(b'\\xff\\xd8\\xff', 'image/jpeg', 160, 120, {{}})
    """
    child = child_of(box, later, "late")

    until(lambda: not is_alive(child))
    assert box.render(PHOTO, JOB, owner="late").data.endswith(b"\xff\xd9")


@pytest.mark.parametrize("announced", [1, 3, 5])
def test_a_result_of_another_length_than_announced_is_refused(
    box: Sandbox, caplog: pytest.LogCaptureFixture, announced: int
) -> None:
    program = f"import os\nos.write({RESULT}, b'\\xff\\xd8\\xff!'); os.ftruncate({RESULT}, 4)\n"
    program += f"os.write({CHANNEL}, {ANSWER % announced!r})\nos._exit(0)" if announced == 5 else ""
    program += f"os.write({CHANNEL}, {ANSWER % announced!r})\nimport time; time.sleep(600)" if announced != 5 else ""

    assert type(explode(box, program)) is RenderCrashed
    assert "not acceptable" in caplog.text


# --- Where the machine does not take part ---------------------------------------------------------------------------
def test_without_filters_nothing_is_rendered(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    program = tmp_path / "boot.py"
    program.write_text(BOOT.read_text().replace("from transforms.limits", f"{REFUSING}    from transforms.limits"))
    strict, lax = Sandbox(program=program), Sandbox(program=program, unfiltered=True)
    try:
        with pytest.raises(RendererUnavailable):
            strict.render(PHOTO, JOB, owner="a")
        assert "Nothing is rendered: this machine does not let renderers be bound by seccomp." in caplog.text
        assert strict.capabilities().missing == ("seccomp",)
        assert lax.render(PHOTO, JOB, owner="a").width == 160
    finally:
        strict.close()
        lax.close()


REFUSING = """from transforms.sandbox.kernel import seccomp
    def refuses(*_: object, **__: object) -> int:
        raise OSError("as a container that forbids seccomp(2)")
    seccomp.install = refuses
"""
