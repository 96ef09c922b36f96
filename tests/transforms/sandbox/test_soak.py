"""Thousands of renders leave nothing behind: no process, no descriptor, no memory."""

import gc
import os
from pathlib import Path

import pytest

from tests.transforms.sandbox.processes import JOB, PHOTO, open_descriptors, zygote_of
from tests.waiting import is_alive, until
from transforms.errors import SourceDamaged
from transforms.sandbox import Sandbox

# `make soak` asks for ten thousand.
RENDERS = int(os.environ.get("RX_SOAK", "500"))
PER_OWNER = 10


def resident_kb(pid: int | str) -> int:
    (line,) = (row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousands_of_renders_leave_nothing_behind(request: pytest.FixtureRequest) -> None:
    box = Sandbox()
    request.addfinalizer(box.close)

    def work(first: int, last: int) -> None:
        for number in range(first, last):
            owner = str(number // PER_OWNER)
            assert box.render(PHOTO, JOB, owner=owner).width == 160
            if number % 50 == 0:
                with pytest.raises(SourceDamaged):
                    box.probe(PHOTO[:900], owner=owner)

    work(0, RENDERS // 10)
    zygote, descriptors = zygote_of(box), open_descriptors()
    gc.collect()
    ours, its = resident_kb("self"), resident_kb(zygote)

    work(RENDERS // 10, RENDERS)

    assert zygote_of(box) == zygote
    assert open_descriptors() <= descriptors + 1, "a spare may be under way"
    gc.collect()
    if ours < 400_000:  # a process that other tests have filled says nothing about what we leave in it
        assert resident_kb("self") - ours < 8_000
    assert resident_kb(zygote) - its < 4_000
    processes = [pid for pid, _ in box.processes()]
    assert len(processes) <= 6  # the zygote, a spare, four that wait for their owners
    box.close()
    until(lambda: not any(is_alive(pid) for pid in processes))
