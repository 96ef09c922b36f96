"""Every system call there is, asked of the kernel in a real renderer: what is not on the list is refused, whatever it
is and whether or not what it names exists.
"""

import ast
import os
from collections.abc import Iterator

import pytest

from tests.transforms.sandbox.hostile import BOOT, REFUSED, attack, explode
from tests.transforms.sandbox.processes import JOB
from transforms.errors import RenderCrashed
from transforms.formats import SourceType
from transforms.limits import Limits
from transforms.render import RenderJob
from transforms.sandbox import Sandbox
from transforms.sandbox.kernel import syscalls
from transforms.sandbox.kernel.numbers import machine

HERE = machine()
if HERE is None:
    pytest.skip("the numbers of this processor's system calls are not known", allow_module_level=True)
LAST = 512  # no kernel has as many
UNFILTERED = {335, 336} if os.uname().machine == "x86_64" else set()  # of the kernel's own probes; SIGILL for others
PDF_JOB = RenderJob(SourceType.PDF, 1, JOB.stored, JOB.page_size)
LISTS = {"renderer": (syscalls.renderer, JOB), "with programs": (syscalls.with_programs, PDF_JOB)}
CALL = """
    import ctypes, errno, os
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    def call(number, *arguments):
        ctypes.set_errno(0)
        longs = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in (*arguments, *[0] * 6)[:6]]
        answer = libc.syscall(ctypes.c_long(number), *longs)
        return errno.errorcode.get(ctypes.get_errno(), 'done') if answer == -1 else 'done'
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(program=BOOT, pdf_engines=("poppler",), limits=Limits(child_idle_seconds=60))
    yield made
    made.close()


@pytest.mark.parametrize("kind", LISTS)
def test_what_is_not_listed_is_refused(box: Sandbox, kind: str) -> None:
    allowed, job = LISTS[kind]
    listed = {HERE.numbers[name] for name in allowed(1) if name in HERE.numbers}
    others = [number for number in range(LAST) if number not in listed | UNFILTERED]
    if job is PDF_JOB and not box.capabilities().poppler:
        pytest.skip("poppler-utils is not installed, or this machine has no Landlock")

    said = attack(box, f"{CALL}\n    said = {{number: call(number) for number in {others}}}", job=job)

    answers = ast.literal_eval(said)
    assert [number for number, answer in answers.items() if answer == "ENOSYS"] == [HERE.numbers["clone3"]]
    assert {number for number, answer in answers.items() if answer not in ("EPERM", "ENOSYS")} == set()
    assert len(others) > LAST - 100


REFUSED_WITH = {
    "mmap": [
        (0x10000, 4096, 3, 0x22),  # at a place of its own
        (1 << 40, 4096, 3, 0x22),
        (0, 4096, 7, 0x22),  # to be executed
        (0, 4096, 3, 0x21),  # shared
        (0, 4096, 3, 0x32),  # in place of what is there
        (0, 4096, 3, 0x122),  # growing by itself
        (0, 4096, 3, 0x2022),  # locked
        (0, 1 << 21, 3, 0x40022),  # huge
        (0, 4096, 1, 0x02, 4),  # of a file
    ],
    "mprotect": [(0, 4096, 4)],
    "mremap": [(0, 4096, 4096, 3, 0x10000)],
    "madvise": [(0, 4096, advice) for advice in (9, 10, 12, 13, 15, 16, 17, 18, 22, 100, 101)],
    "fcntl": [(0, command) for command in (0, *range(4, 40), *range(1024, 1042))],
    "tgkill": [(1, 1, 0), (os.getpid(), os.getpid(), 0)],
    "clone": [(17,), (0x10000000,), (0x003D0F00 | 0x10000000,), (0x003D0F00 & ~0x00010000,), (0x8011,)],
}


@pytest.mark.parametrize("name", REFUSED_WITH)
def test_what_is_listed_is_refused_with_other_arguments(box: Sandbox, name: str) -> None:
    number = HERE.numbers[name]

    said = attack(box, f"{CALL}\n    said = [call({number}, *arguments) for arguments in {REFUSED_WITH[name]}]")

    assert set(ast.literal_eval(said)) == {"EPERM"}


# Each with the path in its place; the numbers of what aarch64 lacks are those of x86-64.
PATHS = {
    "x86_64": {
        "open": (2, "{path}, 0"), "stat": (4, "{path}, buffer"), "lstat": (6, "{path}, buffer"),
        "access": (21, "{path}, 0"), "execve": (59, "{path}, 0, 0"), "truncate": (76, "{path}, 0"),
        "chdir": (80, "{path}"), "readlink": (89, "{path}, buffer, 99"), "statfs": (137, "{path}, buffer"),
        "getxattr": (191, "{path}, b'user.a', buffer, 9"), "inotify_add_watch": (254, "0, {path}, 1"),
        "openat": (257, "-100, {path}, 0"), "newfstatat": (262, "-100, {path}, buffer, 0"),
        "newfstatat, empty": (262, "-100, {path}, buffer, 0x1000"), "readlinkat": (267, "-100, {path}, buffer, 99"),
        "faccessat": (269, "-100, {path}, 0"), "statx": (332, "-100, {path}, 0, 0xfff, buffer"),
        "open_tree": (428, "-100, {path}, 0"), "faccessat2": (439, "-100, {path}, 0, 0"),
        "name_to_handle_at": (303, "-100, {path}, buffer, buffer, 0"), "bind": (49, "4, {path}, 20"),
        "listxattr": (194, "{path}, buffer, 9"), "utime": (132, "{path}, 0"), "acct": (163, "{path}"),
    },
    "aarch64": {
        "openat": (56, "-100, {path}, 0"), "newfstatat": (79, "-100, {path}, buffer, 0"),
        "readlinkat": (78, "-100, {path}, buffer, 99"), "faccessat": (48, "-100, {path}, 0"),
        "statx": (291, "-100, {path}, 0, 0xfff, buffer"), "execve": (221, "{path}, 0, 0"), "chdir": (49, "{path}"),
    },
}  # fmt: skip


def test_it_cannot_find_out_what_exists(box: Sandbox) -> None:
    # given files that exist, inside and outside of what it might once read, and files that do not
    paths = ["/etc/passwd", "/etc/nothing", "/proc/self/mem", "/proc/self/nothing", os.__file__, "/root", "/nothing"]
    calls = PATHS[os.uname().machine]
    lines = [
        f"    said[{name!r}] = [call({number}, {arguments.format(path='path')}) for path in paths]"
        for name, (number, arguments) in calls.items()
    ]
    setting = f"    buffer, said, paths = ctypes.addressof(room), {{}}, {[path.encode() for path in paths]}"

    said = attack(box, "\n".join([f"{CALL}\n    room = ctypes.create_string_buffer(4096)", setting, *lines]))

    assert ast.literal_eval(said) == {name: ["EPERM"] * len(paths) for name in calls}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only there a processor has three ABIs")
def test_calls_of_the_other_abi_end_the_renderer(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    getpid = 0x40000000 | 39

    error = explode(box, f"import ctypes; ctypes.CDLL(None).syscall(ctypes.c_long({getpid}))")

    assert type(error) is RenderCrashed
    assert "code -31," in caplog.text  # SIGSYS


@pytest.mark.parametrize(
    "program",
    [
        "import ctypes; said = ctypes.CDLL(None).prctl(15, b'name', 0, 0, 0); said = os.strerror(1) if said else said",
        "said = os.setpriority(os.PRIO_PROCESS, 0, -5)",
        "said = os.sched_setaffinity(0, {0})",
        "said = os.set_blocking(0, False)",
        "said = os.dup(0)",
        "import resource; said = resource.getrlimit(resource.RLIMIT_AS)",
    ],
)
def test_what_python_offers_is_refused_as_well(box: Sandbox, program: str) -> None:
    assert attack(box, f"import os\n{program}").startswith(REFUSED)
