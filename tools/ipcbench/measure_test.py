# SPDX-License-Identifier: MIT
"""Calibration: a disturbed answer is found and asked again, and what was calibrated too slow is said at the end."""

from rich.console import Console

from ipcbench import measure
from ipcbench.child import Stop
from ipcbench.launch import list_program
from ipcbench.plan import Listed, listed, load_profiles
from ipcbench.rundir import RunDir
from ipcbench.series import parse

FOUR = {"cpython_pipe_duplex", "cpython_pipe_oneway", "cpython_queue", "cpython_simple_queue"}


def latency(backend, wait_class="block", placement="cross"):
    series = parse(f"pipe_latency/{backend}/bytes:64/placement:{placement}")
    return Listed(series, "bench", "latency", wait_class, None)


def test_too_slow_is_what_takes_many_times_as_long_as_others_that_are_compared_and_wait_alike():
    block = [latency(name) for name in "abcd"]
    spin = [latency(name, "spin") for name in "xyz"]
    elsewhere = [latency(name, placement="same") for name in "abcd"]
    ns = dict.fromkeys((e.series.name for e in block), 60_000.0)
    ns |= dict.fromkeys((e.series.name for e in spin), 1000.0)
    everything = block + spin
    assert measure.too_slow(everything, ns) == []
    ns[spin[1].series.name] = 60_000.0  # as fast as one that sleeps, and slow for one that spins
    ns[block[2].series.name] = 1000 * 60_000.0
    assert measure.too_slow(everything, ns) == [block[2], spin[1]]
    assert measure.too_slow(everything + elsewhere, ns) == [block[2], spin[1]]  # not known yet


def test_the_load_of_a_block_that_was_resumed_is_that_of_its_busier_part(tmp_path, monkeypatch):
    rundir = RunDir(tmp_path)
    rundir.write_environment({"other_load_by_block": {"0": 1.0, "1": 50.0}})
    loads = iter([40.0, 2.0])
    monkeypatch.setattr(measure.OtherLoad, "percent", lambda _: next(loads))
    with measure._LoadByBlock(rundir) as load:
        load.enter(1)
        load.enter(2)
    assert rundir.environment()["other_load_by_block"] == {"0": 1.0, "1": 50.0, "2": 2.0}


def test_of_two_the_much_slower_is_too_slow_and_one_alone_is_always_asked_again():
    two = [latency(name, "adaptive") for name in "ab"]
    ns = {two[0].series.name: 1000.0, two[1].series.name: 2500.0}
    assert measure.too_slow(two, ns) == []
    ns[two[1].series.name] = 3500.0
    assert measure.too_slow(two, ns) == [two[1]]
    assert measure.too_slow(two[:1], ns) == two[:1]


def test_a_disturbed_calibration_is_repeated_and_the_median_counts(tmp_path, cpython_program):
    marker, program = tmp_path / "disturbed", tmp_path / "bench_once_slow"
    program.write_text(
        f"""#!/bin/sh
case "$*" in *--list* | *--messages*) exec {cpython_program} "$@" ;; esac
{cpython_program} "$@" || exit
case "$*" in *duplex*) ;; *) exit 0 ;; esac
test -e {marker} && exit 0
touch {marker}
for word; do case $word in --benchmark_out=*) out=${{word#*=}} ;; esac; done
sed -i 's/"real_time": [0-9.e+]*/"real_time": 7e15/' "$out"
"""
    )
    program.chmod(0o755)
    with Stop() as stop:
        entries = [
            entry
            for entry in listed("bench_cpython", list_program(program, stop))
            if entry.series.backend in FOUR
            and entry.metric == "latency"
            and entry.series.keys == {"bytes": 64, "codec": "pickle", "placement": "same"}
        ]
        assert len(entries) == 4
        programs, quick = {"bench_cpython": program}, load_profiles()["quick"]
        told = measure.calibrate(entries, programs, quick, 1, stop, Console(quiet=True))
    assert marker.exists() and told.failures == {} and told.context
    costs = {name: cost.ns_per_message for name, cost in told.costs.items()}
    assert len(costs) == 4 and max(costs.values()) < 1e9


def test_series_that_were_calibrated_too_slow_are_named_at_the_end():
    plan = {"series": {name: {"ns_per_message": 300.0} for name in ("fast", "right")}}
    rows = [
        {"series": name, "status": "ok", "real_time_ns": time}
        for name, time in (("fast", 90.0), ("right", 150.0), ("right", 290.0), ("fast", 99.0))
    ]
    (warning,) = measure.calibration_noise(plan, rows)
    assert warning.startswith("1 of 2 series") and warning.endswith("are short: fast")
    rows[0]["real_time_ns"] = 250.0
    assert measure.calibration_noise(plan, rows) == []
