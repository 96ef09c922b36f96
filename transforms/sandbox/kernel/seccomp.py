"""Filters of system calls: compiled to the kernel's BPF and installed, without any library between.

A filter is a list of what is allowed. Everything else is answered EPERM; so are calls that only a newer kernel knows.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from transforms.sandbox.kernel.numbers import Machine

# include/uapi/linux/bpf_common.h: load a word of the call's description, AND, compare, answer.
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANSWER = 0x20, 0x54, 0x15, 0x35, 0x06
_INSTRUCTION: Final = struct.Struct("=HBBI")
# include/uapi/linux/seccomp.h; struct seccomp_data: number, processor, instruction pointer, six arguments of 64 bits.
_NUMBER, _PROCESSOR, _ARGUMENTS = 0, 4, 16
KILL, ALLOW, ASK, REFUSE = 0x80000000, 0x7FFF0000, 0x7FC00000, 0x00050000
_SET_MODE_FILTER, _NEW_LISTENER = 1, 1 << 3
WORD: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Where:
    """Holds if the low half of argument number `argument`, of which only the bits in `mask` count, is `value`.

    Both kinds of processor are little-endian. Of the arguments compared here the kernel itself ignores the high half,
    but for addresses, of which `high` compares that one.
    """

    argument: int
    value: int
    mask: int = WORD
    high: bool = False


# Alternatives, of each of which everything must hold. `ALWAYS`: whatever the arguments are.
Rule = Sequence[Sequence[Where]]
ALWAYS: Final[Rule] = ((),)


def compiled(rules: Mapping[str, Rule], machine: Machine, *, unknown: Sequence[str] = ()) -> bytes:
    """The filter that allows `rules`. The calls of `unknown` are answered as by a kernel that does not have them."""
    refused = _answer(REFUSE | errno.EPERM)
    code = [*_head(machine)]
    for name, rule in rules.items():
        if (number := machine.numbers.get(name)) is not None:
            code += _call(number, _any_of(rule) if rule is ALWAYS else [*_any_of(rule), refused])
    for name in unknown:
        if (number := machine.numbers.get(name)) is not None:
            code += _call(number, [_answer(REFUSE | errno.ENOSYS)])
    return b"".join([*code, refused])


def asking(names: Sequence[str], machine: Machine) -> bytes:
    """The filter that leaves the calls of `names` to whoever listens (see `install`), and allows all others."""
    code = [*_head(machine)]
    for name in names:
        if (number := machine.numbers.get(name)) is not None:
            code += _call(number, [_answer(ASK)])
    return b"".join([*code, _answer(ALLOW)])


def _head(machine: Machine) -> list[bytes]:
    """A call in another processor's ABI would be another call than its number says: that ends the process."""
    code = [_load(_PROCESSOR), _jump(_EQUAL, machine.audit, 1, 0), _answer(KILL), _load(_NUMBER)]
    if machine.foreign is not None:
        code += [_jump(_AT_LEAST, machine.foreign, 0, 1), _answer(KILL)]
    return code


def _call(number: int, block: list[bytes]) -> list[bytes]:
    return [_jump(_EQUAL, number, 0, len(block)), *block]


def _any_of(rule: Rule) -> list[bytes]:
    code: list[bytes] = []
    for alternative in rule:
        block = [_answer(ALLOW)]
        for where in reversed(alternative):
            at = _ARGUMENTS + 8 * where.argument + 4 * where.high
            compared = [_jump(_EQUAL, where.value, 0, len(block))]
            masked = [] if where.mask == WORD else [_instruction(_AND, where.mask)]
            block = [_load(at), *masked, *compared, *block]
        code += block
    return code


def _load(at: int) -> bytes:
    return _instruction(_LOAD, at)


def _jump(how: int, value: int, if_so: int, if_not: int) -> bytes:
    return _instruction(how, value, if_so, if_not)


def _answer(what: int) -> bytes:
    return _instruction(_ANSWER, what)


def _instruction(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_so, if_not, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install(code: bytes, machine: Machine, *, listen: bool = False) -> int:
    """Binds this thread and all it starts, for good. Wants PR_SET_NO_NEW_PRIVS. Raises OSError.

    With `listen`, the descriptor on which the calls of an `asking` filter are to be answered.
    """
    program = _Program(len(code) // _INSTRUCTION.size, code)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    flags = ctypes.c_ulong(_NEW_LISTENER if listen else 0)
    number = ctypes.c_long(machine.numbers["seccomp"])
    answer = int(syscall(number, ctypes.c_ulong(_SET_MODE_FILTER), flags, ctypes.byref(program)))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
