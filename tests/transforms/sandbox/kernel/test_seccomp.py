"""Filters as the kernel reads them, for both processors: run by an interpreter of the few instructions they have."""

import re
import struct
from pathlib import Path

import pytest

from transforms.sandbox.kernel import seccomp, syscalls
from transforms.sandbox.kernel.numbers import MACHINES
from transforms.sandbox.kernel.seccomp import ALWAYS, KILL, Where

EPERM, ENOSYS = 0x00050001, 0x00050026
# Where Debian and others keep the kernel's own lists.
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def answer(code: bytes, machine: int, number: int, *arguments: int) -> int:
    """What the kernel does with the call."""
    call = struct.pack("=iIQ6Q", number, machine, 0, *(*arguments, *[0] * 6)[:6])
    program, at, word = list(struct.iter_unpack("=HBBI", code)), 0, 0
    while True:
        operation, if_so, if_not, value = program[at]
        at += 1
        if operation == 0x20:
            (word,) = struct.unpack_from("=I", call, value)
        elif operation == 0x54:
            word &= value
        elif operation == 0x15:
            at += if_so if word == value else if_not
        elif operation == 0x35:
            at += if_so if word >= value else if_not
        else:
            assert operation == 0x06
            return value


@pytest.mark.parametrize("name", MACHINES)
def test_the_list_is_what_is_allowed(name: str) -> None:
    machine = MACHINES[name]
    rules = syscalls.renderer(7)
    code = seccomp.compiled(rules, machine, unknown=["clone3"])
    always = {machine.numbers[call] for call, rule in rules.items() if rule is ALWAYS and call in machine.numbers}

    answers = {number: answer(code, machine.audit, number) for number in range(600)}

    assert always <= {number for number, said in answers.items() if said == seccomp.ALLOW}
    listed = {machine.numbers[call] for call in rules if call in machine.numbers}
    assert {said for number, said in answers.items() if number not in listed} == {EPERM, ENOSYS}
    assert [number for number, said in answers.items() if said == ENOSYS] == [machine.numbers["clone3"]]
    assert answer(code, machine.audit, machine.numbers["tgkill"], 7) == seccomp.ALLOW
    assert answer(code, machine.audit, machine.numbers["tgkill"], 8) == EPERM
    assert answer(code, machine.audit, machine.numbers["mmap"], 0, 4096, 3, 0x20022) == seccomp.ALLOW
    assert answer(code, machine.audit, machine.numbers["mmap"], 1 << 32, 4096, 3, 0x22) == EPERM


@pytest.mark.parametrize("name", MACHINES)
def test_another_abi_ends_the_process(name: str) -> None:
    machine = MACHINES[name]
    code = seccomp.compiled(syscalls.renderer(7), machine)

    for other in (0x40000003, 0xC00000B7 if name == "x86_64" else 0xC000003E):
        assert answer(code, other, machine.numbers["read"]) == KILL
    if machine.foreign is not None:
        assert answer(code, machine.audit, machine.foreign | machine.numbers["getpid"]) == KILL


def test_everything_in_an_alternative_must_hold() -> None:
    machine = MACHINES["x86_64"]
    rule = [[Where(0, 1), Where(1, 4, mask=0xC)], [Where(5, 9, high=True)]]
    code = seccomp.compiled({"read": rule}, machine)

    def allowed(*arguments: int) -> bool:
        return answer(code, machine.audit, 0, *arguments) == seccomp.ALLOW

    assert allowed(1, 4)
    assert allowed(1, 7)
    assert not allowed(1, 8)
    assert not allowed(2, 4)
    assert allowed(2, 4, 0, 0, 0, 9 << 32)
    assert not allowed(2, 4, 0, 0, 0, 9)


def test_questions_are_asked_of_the_listener_alone() -> None:
    machine = MACHINES["x86_64"]
    code = seccomp.asking(syscalls.ASKED, machine)

    asked = {number for number in range(600) if answer(code, machine.audit, number) == seccomp.ASK}

    assert asked == {56, 57, 58}
    assert answer(code, machine.audit, 0) == seccomp.ALLOW


@pytest.mark.parametrize("name", MACHINES)
def test_the_numbers_are_the_kernels(name: str) -> None:
    if not HEADERS[name].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[name].read_text()
    kernels = {call: int(number) for call, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    kernels |= {"newfstatat": kernels.get("newfstatat", kernels.get("fstatat", -1))}

    ours = MACHINES[name].numbers
    assert {call: kernels.get(call) for call in ours} == dict(ours)
