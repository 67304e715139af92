"""The machine a process runs on: CPU features, C library, memory, cores."""

import os
import pathlib
import platform

from pipelines.version_matrix import Check

# The ScaNN wheels are compiled with -mavx -mfma on x86-64 and need NEON on ARM; TensorFlow's need AVX.
_NEEDED_FEATURES = {"x86_64": ("avx", "fma"), "aarch64": ("asimd",)}
_USED_IF_PRESENT = {"x86_64": ("avx2", "avx512f"), "aarch64": ()}

# manylinux_2_27, the tag of the ScaNN wheels.
_NEEDED_GLIBC = (2, 27)

# The quick start stays below this, TensorFlow included.
_NEEDED_MEMORY_BYTES = 4_000_000_000

_CGROUP_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")
_CGROUP_USED = pathlib.Path("/sys/fs/cgroup/memory.current")


def check_machine(proc: pathlib.Path = pathlib.Path("/proc"), machine: str = platform.machine()) -> list[Check]:
    """Checks what the binary wheels ask of the machine.

    Args:
      proc: where `cpuinfo` and `meminfo` are read.
      machine: `x86_64` or `aarch64`.

    Returns:
      Checks of the CPU features, the C library, the memory and the cores.
    """
    return [
        _check_cpu(_cpu_features(proc), machine),
        _check_c_library(*platform.libc_ver()),
        _check_memory(_memory_bytes(proc)),
        Check("cores", str(len(os.sched_getaffinity(0))), "1 or more", True),
    ]


def available_memory_bytes(proc: pathlib.Path = pathlib.Path("/proc")) -> int | None:
    """Returns what a process may still take, of the machine or of its container where that is less.

    Args:
      proc: where `meminfo` is read.

    Returns:
      Bytes; `None` where neither can be read.
    """
    known = _meminfo_bytes(proc, "MemAvailable:")
    limit, used = ("".join(_lines(path)) for path in (_CGROUP_LIMIT, _CGROUP_USED))
    known += [max(0, int(limit) - int(used))] if limit.isdigit() and used.isdigit() else []
    return min(known, default=None)


def _check_cpu(features: frozenset[str], machine: str) -> Check:
    needed = _NEEDED_FEATURES.get(machine)
    if needed is None:
        remedy = f"Use a machine of another kind: ScaNN has wheels for {' and '.join(_NEEDED_FEATURES)} only."
        return Check("CPU", machine, " or ".join(_NEEDED_FEATURES), False, remedy)
    present = [name for name in (*needed, *_USED_IF_PRESENT[machine]) if name in features]
    missing = [name for name in needed if name not in features]
    remedy = (
        f"Use a machine, or a CPU type of the virtual machine, that offers {' and '.join(missing)}: the TensorFlow "
        "and ScaNN wheels stop with 'Illegal instruction' without."
    )
    installed = f"{machine}: {', '.join(present) or 'none of the features'}"
    return Check("CPU features", installed, ", ".join(needed), not missing, remedy if missing else "")


def _check_c_library(name: str, version: str) -> Check:
    found = tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" else ()
    ok = found >= _NEEDED_GLIBC
    expected = f"glibc {_NEEDED_GLIBC[0]}.{_NEEDED_GLIBC[1]} or newer"
    remedy = "" if ok else f"Use a distribution with {expected}, such as Debian 10 or newer: the ScaNN wheels need it."
    return Check("C library", f"{name} {version}".strip() or "unknown", expected, ok, remedy)


def _check_memory(memory_bytes: int | None) -> Check:
    expected = f"{_NEEDED_MEMORY_BYTES / 1e9:.0f} GB or more"
    if memory_bytes is None:
        return Check("memory", "unknown", expected, True)
    ok = memory_bytes >= _NEEDED_MEMORY_BYTES
    remedy = (
        "" if ok else f"Give this machine or container {expected}: training and export of small data peak below it."
    )
    return Check("memory", f"{memory_bytes / 1e9:.1f} GB", expected, ok, remedy)


def _cpu_features(proc: pathlib.Path) -> frozenset[str]:
    for line in _lines(proc / "cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _memory_bytes(proc: pathlib.Path) -> int | None:
    """Returns the machine's memory, or the container's limit where that is lower."""
    known = _meminfo_bytes(proc, "MemTotal:")
    limit = "".join(_lines(_CGROUP_LIMIT))
    known += [int(limit)] if limit.isdigit() else []
    return min(known, default=None)


def _meminfo_bytes(proc: pathlib.Path, key: str) -> list[int]:
    return [int(line.split()[1]) * 1024 for line in _lines(proc / "meminfo") if line.startswith(key)]


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
