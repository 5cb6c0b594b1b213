# SPDX-License-Identifier: MIT
"""environment.json: the machine, the build and the conditions that belong to the numbers, and warnings about noise.

No host name, user or path goes in: run folders are published. What this system does not show is null, and for
settings that people look for (CPU frequency) a sentence says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import resource
import shlex
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

NOT_VISIBLE = "not visible on this system"
LOAD_SECONDS = 0.5
BUSY_PERCENT = 5


def utc_now() -> str:
    """The time as 2026-01-31T23:59:59Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(path: str) -> str | None:
    """The stripped text of a file of /proc or /sys, None where it is not there."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip().rstrip("\0")
    except OSError:
        return None


def _number(path: str) -> int | None:
    text = _read(path)
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]+", text) else None


def _cpuinfo(field: str) -> str | None:
    found = re.search(rf"^{field}\s*:\s*(.*)$", _read("/proc/cpuinfo") or "", re.MULTILINE)
    return found[1].strip() if found else None


def machine() -> dict[str, Any]:
    """The hardware as the kernel shows it; `machine8` names machines that are alike in all of it."""
    memory = re.search(r"^MemTotal:\s*([0-9]+) kB", _read("/proc/meminfo") or "", re.MULTILINE)
    facts: dict[str, Any] = {
        "architecture": platform.machine(),
        "cpu_model": _cpuinfo("model name") or _cpuinfo("CPU part") or "unknown",
        "cpus": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else None,
        "hypervisor": _hypervisor(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return {"machine8": digest[:8], **facts, "caches": _caches(), "threads_per_core": _siblings()}


def _hypervisor() -> str:
    vendor = _read("/sys/class/dmi/id/sys_vendor") or _read("/sys/hypervisor/type")
    if "hypervisor" in (_cpuinfo("flags") or "").split():
        return f"virtual machine ({vendor})" if vendor else "virtual machine"
    return "none seen"


def _caches() -> list[str]:
    out = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_read(f"{index}/{name}") for name in ("level", "type", "size"))
        out.append(f"L{level} {kind} {size}")
    return out


def _siblings() -> int | None:
    text = _read("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    if text is None:
        return None
    ends = [[int(n) for n in part.split("-")] for part in text.split(",")]
    return sum(part[-1] - part[0] + 1 for part in ends)


def system() -> dict[str, Any]:
    """The kernel and the limits under which the programs run."""
    mqueue = "/proc/sys/fs/mqueue/"
    thp = re.search(r"\[(\w+)\]", _read("/sys/kernel/mm/transparent_hugepage/enabled") or "")
    cpu = "/sys/devices/system/cpu/"
    limits = ("MSGQUEUE", "MEMLOCK", "RTPRIO", "NOFILE", "NPROC")
    return {
        "os": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "kernel": platform.release(),
        "kernel_command_line": _command_line(),
        "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "cpu_governor": _read(cpu + "cpu0/cpufreq/scaling_governor") or NOT_VISIBLE,
        "cpu_turbo": _turbo(),
        "cpu_idle_governor": _read(cpu + "cpuidle/current_governor") or NOT_VISIBLE,
        "aslr": _number("/proc/sys/kernel/randomize_va_space"),
        "transparent_hugepages": thp[1] if thp else None,
        "cgroup": {name: _cgroup(name) for name in ("cpu.max", "cpuset.cpus", "memory.max")},
        "rlimits": {
            name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in limits
        },
        "mqueue": {n: _number(mqueue + n) for n in ("msg_max", "msgsize_max", "queues_max")},
        "pipe_max_size": _number("/proc/sys/fs/pipe-max-size"),
        "wmem_max": _number("/proc/sys/net/core/wmem_max"),
        "privileged": os.geteuid() == 0,
        "affinity": sorted(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def _command_line() -> str | None:
    """The settings of the kernel's command line that change speed; the rest may name disks, hosts and people."""
    text = _read("/proc/cmdline")
    if text is None:
        return None
    telling = re.compile(
        r"(mitigations|spectre|isolcpus|nohz|rcu|idle|intel_|amd_|processor\.|cpuidle|clocksource|tsc|preempt|threadirqs"
        r"|hugepages|transparent_hugepage|sched|psi|numa|irqaffinity|nosmt|maxcpus|nr_cpus|no_?kpti|pti|highres)",
        re.ASCII,
    )
    return " ".join(word for word in text.split(" -- ")[0].split() if telling.match(word))


def _turbo() -> str:
    if (off := _number("/sys/devices/system/cpu/intel_pstate/no_turbo")) is not None:
        return "off" if off else "on"
    if (boost := _number("/sys/devices/system/cpu/cpufreq/boost")) is not None:
        return "on" if boost else "off"
    return NOT_VISIBLE


def _cgroup(name: str) -> str | None:
    found = re.search(r"^0::(.*)$", _read("/proc/self/cgroup") or "", re.MULTILINE)
    return _read(f"/sys/fs/cgroup/{found[1]}/{name}") if found else None


def build(root: Path, build_dir: Path) -> dict[str, Any]:
    """Compiler, flags and build type of the programs, and the commit they were built from."""
    cache = _read(str(build_dir / "CMakeCache.txt")) or ""
    values = dict(re.findall(r"^(\w+):\w+=(.*)$", cache, re.MULTILINE))
    compiler = values.get("CMAKE_CXX_COMPILER")
    commit, dirty = git_state(root)
    return {
        "build_type": values.get("CMAKE_BUILD_TYPE"),
        "compiler": _first_line([compiler, "--version"]) if compiler else None,
        "flags": _flags(build_dir / "compile_commands.json"),
        "libc": " ".join(platform.libc_ver()),
        "commit": commit,
        "dirty": dirty,
    }


def git_state(root: Path) -> tuple[str | None, bool | None]:
    """(commit, whether files that are built, run or read differ from it: results may); None where git, the repository or the
    commit is missing."""
    commit = _first_line(["git", "-C", str(root), "rev-parse", "--verify", "-q", "HEAD"])
    if commit is None:
        return None, None
    status = ["git", "-C", str(root), "status", "--porcelain", "--", ".", ":!results"]
    return commit, bool(_first_line(status))


def _first_line(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split("\n", 1)[0].strip() or None


def _flags(path: Path) -> str | None:
    """The flags of the first compilation that change the code; no paths."""
    try:
        words = shlex.split(json.loads(path.read_text(encoding="utf-8"))[0]["command"])
    except (OSError, ValueError, LookupError):
        return None
    return " ".join(
        w for w in words if re.match(r"-(O|f|m|std=|D|g|U|pthread)", w) and "/" not in w
    )


class OtherLoad:
    """How busy others keep the CPUs since it was made: all processes but this one and its children that have ended."""

    def __init__(self) -> None:
        self._begin = _cpu_seconds()

    def percent(self) -> float | None:
        """Of all CPUs; None where /proc/stat does not tell. The kernel counts in ticks: watch for a second or more."""
        if self._begin is None or (now := _cpu_seconds()) is None or now[1] <= self._begin[1]:
            return None
        busy, whole = (after - before for before, after in zip(self._begin, now))
        return round(max(0.0, 100 * busy / whole), 1)


def _cpu_seconds() -> tuple[float, float] | None:
    """(used by other programs, gone by) since the boot, summed over the CPUs. Time in interrupts is nobody's: our own
    messages cause most of it."""
    words = (_read("/proc/stat") or "").split("\n", 1)[0].split()[1:9]
    if len(words) < 8:
        return None
    ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in words]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return sum(ticks[:3]) - ours, sum(ticks)


def capture(root: Path, build_dir: Path) -> dict[str, Any]:
    """All of it, before the first run. The caller adds seed, end and noise, and the load by block."""
    watch = OtherLoad()
    time.sleep(LOAD_SECONDS)
    load = watch.percent()
    return {
        "schema": 1,
        "start": utc_now(),
        "machine": machine(),
        "system": system(),
        "build": build(root, build_dir),
        "load_average": os.getloadavg(),
        "other_load_percent": load,
        "other_load_by_block": {},
    }


def start_noise(environment: Mapping[str, Any]) -> list[str]:
    """Warnings about the conditions, known before the first run."""
    out = []
    facts, kernel, built = (environment[k] for k in ("machine", "system", "build"))
    if built["build_type"] not in ("Release", None):
        out.append(f"the programs are a {built['build_type']} build, not Release")
    if kernel["cpu_governor"] not in ("performance", NOT_VISIBLE):
        out.append(f"CPU frequency scaling is on (governor {kernel['cpu_governor']})")
    if kernel["cpu_turbo"] == "on":
        out.append("CPU turbo is on: speed depends on temperature and on what else runs")
    load = environment["other_load_percent"]
    if load is not None and load > BUSY_PERCENT:
        out.append(f"other programs used {load:.0f} % of the CPUs just before the start")
    if (quota := kernel["cgroup"]["cpu.max"]) and not quota.startswith("max"):
        out.append(f"a cgroup limits the CPU time (cpu.max {quota})")
    if len(kernel["affinity"]) < min(2, facts["cpus"] or 2):
        out.append("only one CPU may be used: placement 'cross' has nowhere to cross to")
    return out


def load_noise(environment: Mapping[str, Any]) -> list[str]:
    """A warning when other programs ran while it was measured."""
    by_block = environment.get("other_load_by_block") or {}
    busy = {block: load for block, load in by_block.items() if load > BUSY_PERCENT}
    if not busy:
        return []
    worst = max(busy, key=lambda block: busy[block])
    return [
        f"other programs used over {BUSY_PERCENT} % of the CPUs in {len(busy)} of {len(by_block)} blocks, "
        f"most in block {worst}: {busy[worst]:.0f} %"
    ]
