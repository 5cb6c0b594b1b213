# SPDX-License-Identifier: MIT
"""Results as Google Benchmark 1.7.1 writes them: rows, context, JSON and a console table."""

from __future__ import annotations

import glob
import os
import platform
import sys
from datetime import datetime

from measure import Result
from questions import Series


def row(series: Series, family_index: int, result: Result | None, error: str = "") -> dict:
    """One entry of "benchmarks": of the result, or of the error if there is none."""
    entry: dict = {
        "name": series.name,
        "run_name": series.name,
        "run_type": "iteration",
        "family_index": family_index,
        "per_family_instance_index": 0,
        "repetitions": 1,
        "repetition_index": 0,
        "threads": 1,
    }
    if result is None:
        entry |= {"error_occurred": True, "error_message": error, "iterations": 0}
        return entry | {"real_time": 0.0, "cpu_time": 0.0, "time_unit": "ns"}
    messages = result.messages * result.batches
    cpu_ns = result.cpu_ns / messages
    entry |= {
        "iterations": result.batches,
        "real_time": result.elapsed_ns / messages,
        "cpu_time": cpu_ns,
        "time_unit": "ns",
        "messages": result.messages,
    }
    if series.metric == "throughput":
        entry["messages_per_second"] = messages * 1e9 / result.elapsed_ns
        if series.bytes:
            entry["bytes_per_second"] = series.bytes * entry["messages_per_second"]
    for name, q in (("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99), ("p999_ns", 0.999)):
        value = result.round_trips.quantile(q)
        if value is not None:
            entry[name] = float(value)
    if result.round_trips.total:
        entry["max_ns"] = float(result.round_trips.max)
    entry |= {
        "cpu_ns_per_message": cpu_ns,
        "voluntary_switches_per_message": result.voluntary / messages,
        "involuntary_switches_per_message": result.involuntary / messages,
    }
    if result.capacity_bytes:
        entry["capacity_bytes"] = result.capacity_bytes
    if series.metric == "latency":
        entry["label"] = "rtt"
    return entry


def context(custom: dict[str, str]) -> dict:
    """The "context" of a result, with the given additions."""
    mhz = _number("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "host_name": platform.node(),
        "executable": sys.argv[0],
        "num_cpus": os.cpu_count(),
        "mhz_per_cpu": mhz // 1000 if mhz else _mhz_now(),
        "cpu_scaling_enabled": _scaling(),
        "caches": _caches(),
        "load_avg": list(os.getloadavg()),
        "library_build_type": "release",
        "python": platform.python_version(),
    } | custom


def console_line(entry: dict, width: int) -> str:
    """One line of the console table for an entry."""
    if "error_occurred" in entry:
        return f"{entry['name']:<{width}} ERROR: {entry['error_message']}"
    line = f"{entry['name']:<{width}} {entry['real_time']:>12.0f} ns {entry['cpu_time']:>12.0f} ns"
    if "label" in entry:
        quantiles = [f"{key[:-3]}={entry[key]:.0f}" for key in entry if key.endswith("_ns")]
        return f"{line}  {entry['label']} {' '.join(quantiles)}"
    if "messages_per_second" in entry:
        line += f"  {entry['messages_per_second']:.0f} messages/s"
    return line


def console_header(width: int) -> str:
    """The head of the console table."""
    return f"{'Benchmark':<{width}} {'Time':>15} {'CPU':>15}"


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def _number(path: str) -> int:
    text = _read(path).rstrip("K")
    return int(text) if text.isdigit() else 0


def _mhz_now() -> int:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("cpu MHz"):
            return round(float(line.split(":")[1]))
    return 0


def _scaling() -> bool:
    """Whether a CPU's frequency is governed by anything but the governor "performance"."""
    governors = glob.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    return any(_read(path) != "performance" for path in governors)


def _caches() -> list[dict]:
    caches = []
    for folder in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        sharing = _read(f"{folder}/shared_cpu_map").replace(",", "")
        caches.append(
            {
                "type": _read(f"{folder}/type"),
                "level": _number(f"{folder}/level"),
                "size": _number(f"{folder}/size") * 1024,
                "num_sharing": int(sharing or "0", 16).bit_count(),
            }
        )
    return caches
