"""Available memory is the kernel's estimate, or what a control group leaves."""

import pytest

from mbnas.machine import host_memory
from mbnas.machine.host_memory import available_bytes


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A folder with a kernel's files, in place of this machine's."""
    monkeypatch.setattr(host_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(host_memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(host_memory, "_CGROUP", tmp_path / "cgroup")
    told = "MemTotal:  9 kB\nMemFree:  1 kB\nMemAvailable:     7 kB\n"
    (tmp_path / "meminfo").write_text(told)
    return tmp_path


def write_group(folder, limit, used, cache, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(names[:2], (limit, used), strict=True):
        (folder / name).write_text(f"{text}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\nslab 1\n")


V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def test_available_memory_is_read_from_the_kernel(kernel):
    assert available_bytes() == 7 * 1024
    (kernel / "meminfo").unlink()
    assert available_bytes() > 7 * 1024


def test_a_control_group_and_its_parents_limit_it(kernel):
    (kernel / "groups").write_text("0::/job/step\n")
    write_group(kernel / "cgroup/job/step", "max", 10, 0, V2)
    write_group(kernel / "cgroup/job", 5000, 3000, 500, V2)
    assert available_bytes() == 5000 - 3000 + 500
    write_group(kernel / "cgroup/job/step", 1000, 10, 0, V2)
    assert available_bytes() == 990
    write_group(kernel / "cgroup/job/step", 1000, 1200, 0, V2)
    assert available_bytes() == 0


def test_a_control_group_of_the_first_version_limits_it(kernel):
    (kernel / "groups").write_text("5:cpu,cpuacct:/a\n4:memory:/batch\n0::/\n")
    write_group(kernel / "cgroup/memory/batch", 4000, 1000, 200, V1)
    assert available_bytes() == 3200
    write_group(kernel / "cgroup/memory/batch", 2**63 - 4096, 1000, 200, V1)
    assert available_bytes() == 7 * 1024
