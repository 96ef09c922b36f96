"""The sandbox as its callers see it: the same pixels, the same errors, whatever happens to the processes behind it."""

import io
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pikepdf
import pytest

from tests.transforms import fixtures
from tests.transforms.sandbox.processes import (
    JOB,
    PAGE,
    PHOTO,
    ROOT,
    children_of,
    open_descriptors,
    zygote_of,
)
from tests.waiting import is_alive, until
from transforms import sandbox
from transforms.errors import (
    RendererUnavailable,
    SourceDamaged,
    SourceEmpty,
    SourceLocked,
    TransformError,
    UnsupportedMedia,
)
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB, Limits
from transforms.measure.notices import Notice
from transforms.measure.probe import Probe
from transforms.render import RenderJob, render
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox, wire


def test_a_render_has_the_pixels_it_has_without_a_sandbox(shared_box: Sandbox) -> None:
    rendered = shared_box.render(PHOTO, JOB, owner="pixels")

    assert rendered.data == render(PHOTO, JOB).data
    assert (rendered.media_type, rendered.width, rendered.height) == ("image/jpeg", 160, 120)
    assert rendered.timings["sandbox"] > 0


def test_a_spare_that_nobody_asks_keeps_no_memory_ready() -> None:
    boxes = {seconds: Sandbox(limits=Limits(child_quiet_seconds=seconds)) for seconds in (0, 60)}
    try:
        for box in boxes.values():
            box.warm()

        def resident(seconds: int) -> int:
            _zygote, (spare, _owner) = boxes[seconds].processes()
            return int(Path(f"/proc/{spare}/statm").read_text().split()[1]) * resource.getpagesize()

        until(lambda: resident(0) < resident(60) - 5 * MIB)
        assert boxes[0].render(PHOTO, JOB, owner="rested").data == render(PHOTO, JOB).data
    finally:
        for box in boxes.values():
            box.close()


def test_a_probe_tells_type_and_pages(shared_box: Sandbox) -> None:
    assert shared_box.probe(PHOTO, owner="probe") == Probe(SourceType.JPEG, (PAGE,))


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", SourceEmpty), (b"GIF89a", UnsupportedMedia), (PHOTO[:900], SourceDamaged)],
)
def test_what_is_wrong_with_a_file_is_told_as_without_a_sandbox(
    shared_box: Sandbox, data: bytes, error: type[TransformError]
) -> None:
    with pytest.raises(error) as raised:
        shared_box.probe(data, owner="wrong")
    assert raised.value.detail
    assert len(children_of(shared_box, "wrong")) == 1  # it is in good health and waits for more


def test_a_locked_pdf_says_so(shared_box: Sandbox) -> None:
    document, out = pikepdf.new(), io.BytesIO()
    document.add_blank_page()
    document.save(out, encryption=pikepdf.Encryption(owner="o", user="u"))

    with pytest.raises(SourceLocked):
        shared_box.probe(out.getvalue(), owner="locked")


def test_a_document_that_the_first_engine_refuses_is_measured_and_drawn_by_the_second(shared_box: Sandbox) -> None:
    if not shared_box.capabilities().poppler:
        pytest.skip("poppler-utils is not installed, or this machine has no Landlock")

    found = shared_box.probe(fixtures.cut_pdf(), owner="cut")

    assert found == Probe(SourceType.PDF, (Size(400, 267),) * 3)
    job = RenderJob(SourceType.PDF, 3, Stored.parse("full/400,267/0/default.pdf"), Size(400, 267))
    assert shared_box.render(fixtures.cut_pdf(), job, owner="cut").data.startswith(b"%PDF-")


def test_what_people_should_know_of_a_page_comes_out(shared_box: Sandbox) -> None:
    data = fixtures.edited(fixtures.vector_pdf(2), CropBox=[200, 200, 300, 300])

    assert shared_box.probe(data, owner="box").notices == ((Notice.CROP_BOX,), ())


@pytest.mark.parametrize("page", ["", "crop-box", ["nonsense"], [1], ["xfa"] * 6, None])
def test_notices_that_no_probe_finds_are_not_believed(page: object) -> None:
    fields = {"media_type": "application/pdf", "pages": [[4, 4]], "notices": [page]}

    with pytest.raises(wire.WireError, match="notice"):
        wire.decode_probe(fields, wire.encode_measures([None]), SourceType.PDF, LIMITS)


@pytest.mark.parametrize(("kind", "side", "wrong"), [("application/pdf", 16_000, "larger"), ("image/png", 4, "type")])
def test_what_no_probe_of_this_source_finds_is_not_believed(kind: str, side: int, wrong: str) -> None:
    fields = {"media_type": kind, "pages": [[side, side]], "notices": [[]]}

    with pytest.raises(wire.WireError, match=wrong):
        wire.decode_probe(fields, wire.encode_measures([None]), SourceType.PDF, LIMITS)


@pytest.mark.parametrize(
    "result",
    [
        b"", b"nonsense", b"[]", b"[" * 100_000, b'{"measures": []}', wire.encode_measures([]),
        wire.encode_measures([None, None]), wire.encode_measures([None], b"no picture"),
        b'{"thumbnail": "", "measures": [{"likeness": "x"}]}', b" " * (5 << 20),
    ],
)  # fmt: skip
def test_measures_that_no_page_has_are_not_believed(result: bytes) -> None:
    fields = {"media_type": "application/pdf", "pages": [[4, 4]], "notices": [[]]}

    assert wire.decode_probe(fields, wire.encode_measures([None]), SourceType.PDF, LIMITS).measures == (None,)
    with pytest.raises(wire.WireError):
        wire.decode_probe(fields, result, SourceType.PDF, LIMITS)


def test_the_second_pdf_engine_has_children_of_its_own_kind() -> None:
    box = Sandbox(pdf_engines=("poppler",))
    document, out = pikepdf.new(), io.BytesIO()
    document.add_blank_page(page_size=(72, 72))
    document.save(out)
    job = RenderJob(SourceType.PDF, 1, Stored.parse("full/50,50/0/default.png"), Size(300, 300))
    try:
        if not box.capabilities().poppler:
            with pytest.raises(RendererUnavailable):
                box.render(out.getvalue(), job, owner="a")
            pytest.skip("poppler-utils is not installed, or this machine has no Landlock")

        assert box.render(out.getvalue(), job, owner="a").width == 50
        assert children_of(box, "a") == []  # one job, one child
    finally:
        box.close()


def test_nothing_is_forked_from_a_process_with_threads(shared_box: Sandbox) -> None:
    """A lock that another thread holds at that moment would stay locked in the child for ever."""
    shared_box.warm()

    assert "\nThreads:\t1\n" in Path(f"/proc/{zygote_of(shared_box)}/status").read_text()


def test_one_owner_keeps_a_warm_child_and_two_never_share_one(shared_box: Sandbox) -> None:
    served: dict[str, set[int]] = {"a": set(), "b": set(), "c": set()}
    for owner in "abcabcaabbcc":
        shared_box.render(PHOTO, JOB, owner=owner)
        served[owner].update(children_of(shared_box, owner))

    assert [len(pids) for pids in served.values()] == [1, 1, 1]
    assert len(set.union(*served.values())) == 3


def test_what_nobody_waits_for_computes_behind_everything_else_in_a_child_of_its_own(box: Sandbox) -> None:
    box.render(PHOTO, JOB, owner="one", behind=True)
    box.render(PHOTO, JOB, owner="one")
    box.render(PHOTO, JOB, owner="one", behind=True)

    priorities = sorted(os.getpriority(os.PRIO_PROCESS, pid) for pid, owner in box.processes() if owner)
    assert priorities == [os.getpriority(os.PRIO_PROCESS, 0), 19]


def test_an_idle_child_ends_by_itself() -> None:
    box = Sandbox(limits=Limits(child_idle_seconds=0.6))
    box.render(PHOTO, JOB, owner="a")
    (child,) = children_of(box, "a")

    until(lambda: not is_alive(child))
    assert box.render(PHOTO, JOB, owner="a").width == 160
    assert child not in children_of(box, "a")
    box.close()


def test_no_more_than_four_children_wait_for_their_owners(shared_box: Sandbox) -> None:
    for number in range(7):
        shared_box.render(PHOTO, JOB, owner=str(number))

    assert len([owner for _, owner in shared_box.processes() if owner]) <= 4


def test_a_spare_that_was_killed_is_not_noticed(shared_box: Sandbox) -> None:
    shared_box.warm()
    for spare in children_of(shared_box, None):
        os.kill(spare, signal.SIGKILL)

    assert shared_box.render(PHOTO, JOB, owner="spare").width == 160


def test_a_zygote_that_was_killed_is_replaced(box: Sandbox) -> None:
    box.render(PHOTO, JOB, owner="a")
    before = box.processes()
    os.kill(before[0][0], signal.SIGKILL)
    until(lambda: not is_alive(before[0][0]))

    assert box.render(PHOTO, JOB, owner="a").width == 160
    assert zygote_of(box) != before[0][0]
    until(lambda: not any(is_alive(pid) for pid, _ in before))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_leaves_renders_alone(shared_box: Sandbox, number: int) -> None:
    shared_box.warm()
    zygote = zygote_of(shared_box)
    for pid, _ in shared_box.processes():
        os.kill(pid, number)

    assert shared_box.render(PHOTO, JOB, owner="signal").width == 160
    assert zygote_of(shared_box) == zygote
    assert os.getpgid(zygote) == zygote


def test_closing_ends_every_process_and_descriptor() -> None:
    before = open_descriptors()
    box = Sandbox(spares=3)
    box.warm()
    box.render(PHOTO, JOB, owner="a")
    processes = [pid for pid, _ in box.processes()]

    box.close()

    assert len(processes) >= 4
    until(lambda: not any(is_alive(pid) for pid in processes))
    assert open_descriptors() <= before  # an idle child of the shared one may end meanwhile


def test_a_renderer_that_cannot_start_is_an_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = open_descriptors()
    box = Sandbox(program=tmp_path / "missing.py")

    with pytest.raises(RendererUnavailable):
        box.render(PHOTO, JOB, owner="a")

    assert "did not start" in caplog.text
    assert open_descriptors() == before


def test_a_process_without_descriptors_left_gets_an_answer(shared_box: Sandbox) -> None:
    shared_box.warm()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(RendererUnavailable):
            shared_box.render(PHOTO, JOB, owner="descriptors")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert shared_box.render(PHOTO, JOB, owner="descriptors").width == 160


def test_threads_render_at_the_same_time_and_get_their_own_answers(shared_box: Sandbox) -> None:
    def work(number: int) -> tuple[int, int]:
        job = RenderJob(SourceType.JPEG, 1, Stored.parse(f"full/{number},60/0/default.png"), PAGE)
        rendered = shared_box.render(PHOTO, job, owner=f"owner {number % 7}")
        return number, rendered.width

    with ThreadPoolExecutor(8) as pool:
        assert [width for _, width in pool.map(work, range(40, 64))] == list(range(40, 64))


def test_the_thread_that_started_the_zygote_may_end(box: Sandbox) -> None:
    thread = threading.Thread(target=box.warm)
    thread.start()
    thread.join()
    zygote = zygote_of(box)

    assert box.render(PHOTO, JOB, owner="a").width == 160
    assert zygote_of(box) == zygote


def test_the_services_own_sandbox_runs_the_shipped_program_with_the_shipped_limits() -> None:
    box = sandbox.default()
    try:
        box.capabilities()
        _, *arguments = Path(f"/proc/{zygote_of(box)}/cmdline").read_text().split("\0")
    finally:
        box.close()

    assert arguments[:3] == ["-I", "-B", str(ROOT / "transforms/sandbox/boot.py")]
    assert LIMITS.to_json() in arguments


def in_daemon(answer: Connection) -> None:
    answer.send(sandbox.default().render(PHOTO, JOB, owner="a").width)
    sandbox.default().close()


def test_it_works_where_multiprocessing_does_not() -> None:
    """Celery's prefork children are daemonic: they may not have children of multiprocessing's kind."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=in_daemon, args=(theirs,), daemon=True)
    process.start()

    assert ours.poll(60)
    assert ours.recv() == 160
    process.join(60)
    assert process.exitcode == 0


def test_a_forked_copy_has_processes_of_its_own(shared_box: Sandbox) -> None:
    shared_box.render(PHOTO, JOB, owner="fork")
    zygote, (child,) = zygote_of(shared_box), children_of(shared_box, "fork")
    pid = os.fork()
    if pid == 0:
        try:
            assert shared_box.processes() == ()
            assert shared_box.render(PHOTO, JOB, owner="fork").width == 160
            assert zygote_of(shared_box) != zygote
            assert children_of(shared_box, "fork") != [child]
            shared_box.close()
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert shared_box.render(PHOTO, JOB, owner="fork").width == 160
    assert zygote_of(shared_box) == zygote


def test_a_parent_that_is_killed_leaves_no_orphan(tmp_path: Path) -> None:
    # Also with a forked copy still there, which has the parent's descriptors unless it let go of them.
    program = textwrap.dedent("""
        import os, time
        from pathlib import Path
        from transforms.sandbox import Sandbox, wire
        box = Sandbox(spares=2)
        box.warm()
        if os.fork() == 0:
            time.sleep(60)
        Path("pids").write_text(" ".join(str(pid) for pid, _ in box.processes()))
        Path("pids").rename("ready")
        time.sleep(60)
    """)
    parent = subprocess.Popen(
        (sys.executable, "-c", program), cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    try:
        until((tmp_path / "ready").exists)
        processes = [int(pid) for pid in (tmp_path / "ready").read_text().split()]
        assert len(processes) == 3

        parent.kill()
        parent.wait()

        until(lambda: not any(is_alive(pid) for pid in processes))
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
