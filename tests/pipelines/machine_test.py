"""What the binary wheels ask of a machine, on /proc files written by hand."""

import pathlib

import pytest

from pipelines import machine


def _proc(tmp_path, features="fpu avx fma avx2", key="flags", memory_kib=8_000_000):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{key}\t\t: {features}\nbugs\t: spectre_v1\n", encoding="utf-8")
    (tmp_path / "meminfo").write_text(f"MemTotal:       {memory_kib} kB\nMemFree: 1 kB\n", encoding="utf-8")
    return tmp_path


def _check(name, *arguments):
    return next(check for check in machine.check_machine(*arguments) if check.name == name)


def test_avx_and_fma_are_enough(tmp_path):
    check = _check("CPU features", _proc(tmp_path, "sse2 avx fma"), "x86_64")
    assert (check.ok, check.installed) == (True, "x86_64: avx, fma")


@pytest.mark.parametrize(("features", "missing"), [("sse2 avx", "fma"), ("sse2 avx2", "avx and fma")])
def test_a_cpu_without_the_instructions_is_refused_with_their_names(tmp_path, features, missing):
    check = _check("CPU features", _proc(tmp_path, features), "x86_64")
    assert not check.ok
    assert f"that offers {missing}: the TensorFlow and ScaNN wheels stop with 'Illegal instruction'" in check.remedy


def test_an_arm_machine_needs_neon(tmp_path):
    assert _check("CPU features", _proc(tmp_path, "fp asimd crc32", key="Features"), "aarch64").ok


def test_a_machine_without_wheels_is_refused(tmp_path):
    check = _check("CPU", _proc(tmp_path), "riscv64")
    assert (check.ok, check.installed) == (False, "riscv64")
    assert "ScaNN has wheels for x86_64 and aarch64 only" in check.remedy


def test_too_little_memory_is_refused(tmp_path):
    # 2,000,000 KiB are 2.048 GB.
    check = _check("memory", _proc(tmp_path, memory_kib=2_000_000), "x86_64")
    assert (check.ok, check.installed) == (False, "2.0 GB")


def test_memory_that_cannot_be_read_is_unknown_and_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP_LIMIT", tmp_path / "absent")
    check = _check("memory", pathlib.Path("/nonexistent"), "x86_64")
    assert (check.ok, check.installed) == (True, "unknown")


def test_the_limit_of_a_container_counts_instead_of_the_machine(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("1000000000\n", encoding="utf-8")
    monkeypatch.setattr(machine, "_CGROUP_LIMIT", limit)
    assert _check("memory", _proc(tmp_path), "x86_64").installed == "1.0 GB"


@pytest.mark.parametrize(("library", "ok"), [(("glibc", "2.27"), True), (("glibc", "2.17"), False), (("", ""), False)])
def test_the_c_library_has_to_be_glibc_2_27_or_newer(tmp_path, monkeypatch, library, ok):
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: library)
    assert _check("C library", _proc(tmp_path), "x86_64").ok is ok


@pytest.mark.parametrize(
    ("limit", "used", "available"),
    # By hand: 3,000,000 KiB are 3,072,000,000 bytes.
    [
        ("max", "5", 3_072_000_000),
        ("4000000000", "1000000000", 3_000_000_000),
        ("10", "20", 0),
        ("10", "", 3_072_000_000),
    ],
)
def test_available_memory_is_the_least_of_what_machine_and_container_have_left(
    tmp_path, monkeypatch, limit, used, available
):
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemAvailable: 3000000 kB\n", encoding="utf-8")
    for name, value in (("_CGROUP_LIMIT", limit), ("_CGROUP_USED", used)):
        (tmp_path / name).write_text(f"{value}\n", encoding="utf-8")
        monkeypatch.setattr(machine, name, tmp_path / name)
    assert machine.available_memory_bytes(tmp_path) == available


def test_available_memory_that_cannot_be_read_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP_LIMIT", tmp_path / "absent")
    assert machine.available_memory_bytes(tmp_path / "absent") is None
