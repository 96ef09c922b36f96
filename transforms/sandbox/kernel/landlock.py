"""Which files a renderer may open (Landlock, Linux >= 5.13): code, fonts, nothing else, above all not /proc.

Without it, a decoder taken over by a hostile file could read other processes' environments, credentials included.
"""

import ctypes
import os
import struct
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from sys import modules
from typing import Final

from transforms.fonts import files

# The same numbers on every processor Linux runs on (include/uapi/asm-generic/unistd.h).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

# include/uapi/linux/landlock.h; every right is refused unless a rule allows it.
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_RIGHTS_BY_ABI: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_NET_RIGHTS: Final = 0b11  # TCP bind and connect, ABI 4
_SCOPES: Final = 0b11  # abstract Unix sockets and signals to the outside, ABI 6

_SYSTEM: Final = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/fonts",
    "/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/poppler", "/usr/share/fontconfig",
    "/sys/devices/system/cpu", "/dev/null", "/dev/urandom",
)  # fmt: skip


def abi() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    version = _call(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    return max(version, 0)


def restrict(*, executables: Iterable[str] = ()) -> int:
    """Confines this process and its children for good. Returns the ABI used; 0: nothing was restricted.

    Call it after the engines are loaded (`sys.modules` tells their folders) and after PR_SET_NO_NEW_PRIVS.
    Only `executables` may be executed.
    """
    version = abi()
    if version == 0:
        return 0
    rights = sum(bits for since, bits in _RIGHTS_BY_ABI if since <= version)
    net, scopes = (_NET_RIGHTS if version >= 4 else 0), (_SCOPES if version >= 6 else 0)
    attributes = struct.pack("=QQQ", rights, net, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return 0
    try:
        for path in {*_SYSTEM, *_code(), str(files.FOLDER)}:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in executables:
            _allow(ruleset, path, _READ_FILE | _EXECUTE)
        return version if _call(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _code() -> set[str]:
    """Where code lies: the standard library, site-packages, and the folder of each package that is loaded.

    Never a folder that only contains such a package: on a development machine that is the whole project.
    """
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for name, module in tuple(modules.items()):
        if "." not in name and (file := getattr(module, "__file__", None)):
            path = Path(file)
            folders.add(str(path.parent if path.name.startswith("__init__.") else path))
    return folders


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not Path(path).is_dir():
            rights &= ~_READ_DIR
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: bytes | int | None) -> int:
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    # Without explicit types ctypes passes 32-bit integers, and half of a pointer or a 64-bit size is garbage.
    typed = [
        ctypes.c_char_p(argument) if argument is None or isinstance(argument, bytes) else ctypes.c_long(argument)
        for argument in arguments
    ]
    return int(syscall(ctypes.c_long(number), *typed))
