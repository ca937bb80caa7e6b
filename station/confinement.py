"""What a child may still do once it is confined: it reads and writes named folders, and reaches neither the network nor other processes.

No privileges are needed for it: `no_new_privs`, Landlock (files, signals) and seccomp (system calls) bind the process that asks for them,
and whatever it starts, for good. What this kernel does not know is left out and told (`powers_here`), never guessed.

Linux: Documentation/userspace-api/{landlock,seccomp_filter,no_new_privs}.rst; numbers of system calls from asm/unistd_64.h and
asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import platform
import resource
import shutil
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
"""Rights that a rule about one file may name; the others are of folders."""
_MAKE_DEVICES = (1 << 6) | (1 << 11)
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11
_SCOPES = 0b11
"""Abstract sockets and signals, to processes outside."""
_NEW_SPACES = 0x7E02_0000
"""Flags of clone(2) that make namespaces."""
_CLONE_THREAD = 0x0001_0000
_X32 = 0x4000_0000
TASKS = 256
"""Processes and threads that this account may have beyond those it has when a child begins: RLIMIT_NPROC. It does not bind root."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a kind of children needs; all else is closed to it."""

    reads: tuple[Path, ...] = ()
    """Folders and files, beside the programs' own (`own_folders`)."""
    writes: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    """That it may start; they are confined along with it. None: it may not even fork."""
    files: bool = True
    """Whether files are confined; without it only the network and system calls are."""
    network: bool = False
    """Whether it may open sockets."""
    private: Path | None = None
    """Never opened, although a folder that holds it is: SCEAU_HOME, but for `reads` and `writes`."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What this kernel lets an unprivileged process lay down."""

    landlock: int
    """Version of its interface (ABI); 0: not there, or switched off."""
    seccomp: bool

    @property
    def whole(self) -> bool:
        return self.landlock >= 3 and self.seccomp

    def words(self, language: str = "fr") -> str:
        """What is in force, as a person reads it."""
        if language == "en":
            files = f"files: Landlock {self.landlock}" if self.landlock else "files: NOT CONFINED (the kernel has no Landlock)"
            calls = "network and system calls: seccomp" if self.seccomp else "network: NOT CONFINED (no seccomp filter for this machine)"
        else:
            files = f"fichiers : Landlock {self.landlock}" if self.landlock else "fichiers : NON CONFINÉS (le noyau n'a pas Landlock)"
            calls = "réseau et appels système : seccomp" if self.seccomp else "réseau : NON CONFINÉ (pas de seccomp sur cette machine)"
        return f"{files} ; {calls}" if language != "en" else f"{files}; {calls}"


@dataclass(frozen=True, slots=True)
class _Calls:
    """One kind of machine: how audit names it, and the numbers of its system calls."""

    audit: int
    seccomp: int
    clone: int
    forks: tuple[int, ...]
    network: tuple[int, ...]
    programs: tuple[int, ...]
    denied: tuple[int, ...]


_BOTH = (425, 426, 427, 428, 429, 430, 432, 438, 442)
"""io_uring (which would open sockets unseen), the new mount calls, pidfd_getfd: one number everywhere."""
_CLONE3 = 435
_MACHINES = {
    "x86_64": _Calls(
        0xC000_003E,
        317,
        56,
        (57, 58),
        # socket connect accept bind listen accept4
        (41, 42, 43, 49, 50, 288),
        (59, 322),
        # ptrace process_vm_* bpf userfaultfd perf keys mount umount pivot_root chroot unshare setns modules kexec
        # reboot swap names times acct quotactl open_by_handle_at setpgid setsid
        (
            *(101, 310, 311, 321, 323, 298, 248, 249, 250, 165, 166, 155, 161, 272, 308, 175, 313, 176, 246, 320),
            *(169, 167, 168, 170, 171, 164, 227, 305, 159, 163, 179, 304, 109, 112),
        ),
    ),
    "aarch64": _Calls(
        0xC000_00B7,
        277,
        220,
        (),
        (198, 203, 202, 200, 201, 242),
        (221, 281),
        (
            *(117, 270, 271, 280, 282, 241, 217, 218, 219, 40, 39, 41, 51, 97, 268, 105, 273, 106, 104, 294),
            *(142, 224, 225, 161, 162, 170, 112, 266, 171, 89, 60, 265, 154, 157),
        ),
    ),
}


def powers_here() -> Powers:
    """Asks the kernel; changes nothing."""
    version = _libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1)) if sys.platform == "linux" else 0
    return Powers(max(0, version), _calls() is not None and Path("/proc/sys/kernel/seccomp/actions_avail").exists())


def confine(asked: Confinement) -> Powers:
    """Bind this process, and all that it starts, for good; returns what came into force. Raises OSError where the kernel refuses a part
    that it says it has: work then does not begin unconfined.

    To be called while the process has one thread: Landlock binds the thread that asks, and those that it starts.
    """
    powers = powers_here()
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if powers.landlock and asked.files:
        _restrict_files(asked, powers.landlock)
    if powers.seccomp:
        _filter_calls(asked)
    return powers


def bound_tasks(most: int = TASKS) -> None:
    """Neither this process nor another of the account gets more than `most` tasks beyond today's from here: a bomb of forks ends early."""
    wanted = _tasks_of(os.getuid()) + most
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def forget_secrets(environment_names: Iterable[str]) -> None:
    """Passwords that this process was born with are overwritten where they lie, not only forgotten: it will read what strangers wrote."""
    libc = _libc()
    libc.getenv.restype = ctypes.c_void_p
    for name in list(environment_names):
        if name.startswith("SCEAU_") and name != "SCEAU_HOME":
            place = libc.getenv(name.encode())
            if place:
                ctypes.memset(place, 0, len(ctypes.string_at(place)))
            os.environ.pop(name, None)


def own_folders() -> tuple[Path, ...]:
    """What Python, its libraries and the programs it starts read: the system's folders, the environment, our own code."""
    system = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/sys")
    # An editable installation finds our packages without a folder in sys.path: what lies beside the modules is data of theirs.
    ours = str(Path(__file__).resolve().parents[1])
    python = (sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), ours, *(each for each in sys.path if each))
    data = [value for name in ("TESSDATA_PREFIX", "LD_LIBRARY_PATH") for value in os.environ.get(name, "").split(":") if value]
    processor = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/self", "/proc/sys/kernel", "/proc/sys/vm")
    devices = ("/dev/urandom", "/dev/random", "/dev/zero")
    return tuple(dict.fromkeys(Path(each) for each in (*system, *python, *data, *processor, *devices)))


def programs_named(*names: str) -> tuple[Path, ...]:
    """Of these those that are installed, with Python itself."""
    found = [sys.executable, *(path for name in names if (path := shutil.which(name)))]
    return tuple(dict.fromkeys(Path(each).resolve() for each in found))


def beside(folder: Path, private: Path | None) -> Iterator[Path]:
    """The folder; where it holds what is private, all that lies in it beside that."""
    folder = folder.resolve()
    if private is None or not private.resolve().is_relative_to(folder):
        yield folder
        return
    if folder == private.resolve():
        return
    with suppress(OSError):
        for child in folder.iterdir():
            yield from beside(child, private)


# --- Landlock ---


def _restrict_files(asked: Confinement, abi: int) -> None:
    handled = _ALL_BY_ABI[min(abi, 5)]
    told = struct.pack("QQQ", handled, 0 if asked.network else _TCP, _SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _asked(_libc().syscall(_LANDLOCK_CREATE, told, ctypes.c_size_t(len(told)), ctypes.c_uint(0)), "landlock")
    try:
        read = _READ_FILE | _READ_DIR
        for folder in own_folders():
            for each in beside(folder, asked.private):
                _allow(ruleset, each, read, handled)
        for path in asked.reads:
            _allow(ruleset, path, read, handled)
        for path in asked.writes:
            _allow(ruleset, path, handled & ~_EXECUTE & ~_MAKE_DEVICES & ~_IOCTL, handled)
        _allow(ruleset, Path("/dev/null"), _READ_FILE | _WRITE_FILE, handled)
        for program in (*asked.programs, *(_loaders() if asked.programs else ())):
            _allow(ruleset, program, _READ_FILE | _EXECUTE, handled)
        _asked(_libc().syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint(0)), "landlock")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int, handled: int) -> None:
    """Paths that are not there are left out: nothing is to be opened below them."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        granted = rights & handled & (-1 if path.is_dir() else _OF_FILES)
        rule = struct.pack("=Qi", granted, place)
        # 1: LANDLOCK_RULE_PATH_BENEATH
        _asked(_libc().syscall(_LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0)), f"landlock: {path}")
    finally:
        os.close(place)


def _loaders() -> tuple[Path, ...]:
    """The kernel opens the dynamic loader as a program, too."""
    known = (Path("/lib64/ld-linux-x86-64.so.2"), Path("/lib/ld-linux-aarch64.so.1"), Path("/lib/ld-linux-x86-64.so.2"))
    return tuple(dict.fromkeys(path.resolve() for path in known if path.exists()))


# --- seccomp ---

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000


def _filter_calls(asked: Confinement) -> None:
    calls = _calls()
    if calls is None:
        return
    program = b"".join(struct.pack("=HBBI", *line) for line in _lines(calls, asked))
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: number of lines, address. 1: SECCOMP_SET_MODE_FILTER, and SECCOMP_FILTER_FLAG_TSYNC for every thread.
    told = struct.pack("HxxxxxxQ" if struct.calcsize("P") == 8 else "HxxI", len(program) // 8, ctypes.addressof(buffer))
    _asked(_libc().syscall(ctypes.c_long(calls.seccomp), ctypes.c_uint(1), ctypes.c_uint(1), told), "seccomp")


def _lines(calls: _Calls, asked: Confinement) -> Sequence[tuple[int, int, int, int]]:
    """The filter: code, lines to jump where true, where false, value. Another machine's calls end the process; denied ones answer EPERM."""
    denied = [*calls.denied, *_BOTH]
    if not asked.network:
        denied += calls.network
    if not asked.programs and asked.files:
        denied += (*calls.programs, *calls.forks)
    lines = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, calls.audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines += [(_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    # Its flags lie in memory, which a filter cannot read; the C library then takes clone(2).
    lines += [(_JUMP_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for number in denied:
        lines += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    clone = [(_LOAD, 0, 0, 16), (_JUMP_ANY, 0, 1, _NEW_SPACES), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    if not asked.programs and asked.files:
        clone += [(_JUMP_ANY, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return [*lines, (_JUMP_EQUAL, 0, len(clone), calls.clone), *clone, (_RETURN, 0, 0, _ALLOW)]


def _calls() -> _Calls | None:
    """None for machines whose numbers are not known here; a 32-bit Python on a 64-bit kernel is one."""
    return _MACHINES.get(platform.machine()) if struct.calcsize("P") == 8 and sys.byteorder == "little" else None


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _asked(answer: int, what: str) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return answer


def _tasks_of(uid: int) -> int:
    """Processes and threads of an account, as /proc tells them."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if entry.stat().st_uid == uid:
                    count += sum(1 for _ in (entry / "task").iterdir())
    return count
