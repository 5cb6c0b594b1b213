# SPDX-License-Identifier: MIT
"""Profiles, selection, shared message counts and the order of the blocks."""

import dataclasses

import pytest

from ipcbench.child import Stop
from ipcbench.claim_data import cell_sides, load_claims
from ipcbench.launch import list_program
from ipcbench.plan import (
    HUGE,
    Calibration,
    Listed,
    PlanError,
    Profile,
    assign_messages,
    balanced_order,
    block_groups,
    cells_of,
    comparison_group,
    fit_messages,
    listed,
    load_profiles,
    select,
    split,
)
from ipcbench.programs import ROOT
from ipcbench.readme import reference_run
from ipcbench.readme_runs import newest
from ipcbench.series import parse
from ipcbench.summary import MANAGERS, PROCESSES, kind_of


def entry(name, skip=None, program="bench"):
    series = parse(name)
    return Listed(series, program, kind_of(series.question), "block", skip)


def latency(backend, size=64, placement="cross", skip=None):
    return entry(f"pipe_latency/{backend}/bytes:{size}/placement:{placement}", skip)


def profile(**changes):
    values = {"name": "p", "summary": "", "blocks": 2, "batches": 5, "run_seconds": 0.2}
    values |= {"min_run_seconds": 0.05, "budget_seconds": 100, "batch_ms": 2, "capacity": 65536}
    values |= {"disk_mib": 1, "verdict": True, "aa": []}
    return Profile(**(values | changes))


@pytest.fixture(scope="module")
def available(built_programs):
    """Everything that the real programs list."""
    with Stop() as stop:
        return [e for path in built_programs for e in listed(path.name, list_program(path, stop))]


def test_every_entry_of_every_profile_finds_series_of_the_programs(available):
    for one in load_profiles().values():
        for wanted in one.select:
            alone = dataclasses.replace(one, select=(wanted,))
            found = select(available, alone, None)
            assert any(series.skip is None for series in found), f"{one.name}: {wanted}"


def test_quick_takes_at_most_40_series_and_what_the_claim_needs(available):
    quick = load_profiles()["quick"]
    names = {one.series.name for one in select(available, quick, None) if one.skip is None}
    assert len(names) <= 40 and quick.blocks == 12 and set(quick.aa) <= names
    one = "producers:1/consumers:1/placement:same"
    for place in ("same", "cross"):
        for pipe in ("cpython_pipe_duplex", "cpython_pipe_oneway"):
            assert f"pipe_latency/{pipe}/bytes:64/codec:pickle/placement:{place}" in names
        for queue in ("pipe_locked", "pipe_feeder"):
            assert f"queue_latency/{queue}/bytes:64/placement:{place}" in names
    for size in (64, 65536):
        assert f"pipe_throughput/os_pipe/bytes:{size}/placement:same" in names
        assert f"queue_throughput/pipe_locked/bytes:{size}/{one}" in names
        assert f"queue_throughput/cpython_queue/bytes:{size}/codec:pickle/{one}" in names


def test_full_takes_everything_but_what_has_a_profile_of_its_own(available):
    names = ("full", "idle", "process", "manager", "huge", "crowds")
    taken = {name: select(available, load_profiles()[name], None) for name in names}
    assert {entry.metric for entry in taken["idle"]} == {"cost"} and len(taken["idle"]) > 20
    process = taken["process"]
    assert {e.series.question for e in process} == {*PROCESSES, "floor"} and len(process) > 60
    managers = {e.series.question for e in taken["manager"]}
    assert (
        managers == {*MANAGERS, "floor", "pipe_latency", "value_update", "array_copy"}
        and len(taken["manager"]) > 200
    )
    assert all(e.series.keys["bytes"] >= HUGE for e in taken["huge"]) and len(taken["huge"]) > 100
    assert {e.series.question for e in taken["crowds"]} == {"queue_throughput", "floor"}
    together = {str(entry) for entries in taken.values() for entry in entries}
    assert together == set(map(str, available))
    for one in load_profiles().values():
        assert set(one.aa) <= {e.series.name for e in select(available, one, None)}


@pytest.mark.parametrize(
    "name,most",
    [("smoke", 30), ("quick", 4 * 60), ("full", 2 * 3600 - 600)],  # full: ten minutes to build
)
def test_profiles_take_no_longer_than_they_say_where_the_reference_run_was_made(
    available, name, most
):
    """At the costs that it and that of processes were planned with; a series that they lack costs as much as the dearest
    of its question."""
    profile = load_profiles()[name]
    runs = (newest(ROOT / "results" / "process"), reference_run())
    known = {
        series: Calibration(cost["ns_per_message"], cost["overhead_seconds"])
        for run in runs
        for series, cost in run.plan()["series"].items()
    }
    taken = [entry for entry in select(available, profile, None) if entry.skip is None]
    dearest: dict[str, Calibration] = {}
    for series, cost in sorted(known.items(), key=lambda item: item[1].ns_per_message):
        dearest[parse(series).question] = cost
    costs = {e.series.name: known.get(e.series.name, dearest[e.series.question]) for e in taken}
    cells = cells_of([entry.series.name for entry in taken], profile.aa)
    _, seconds = fit_messages(taken, costs, profile, cells, profile.blocks)
    calibrating = sum(cost.overhead_seconds for cost in costs.values())
    assert most / 4 < seconds + 2 * calibrating < most


def test_what_is_omitted_is_not_taken():
    one = profile(select=({"bytes": [64, 1024]},), omit=({"bytes": 1024, "placement": "same"},))
    entries = [latency("os_pipe", 64, "same"), latency("os_pipe", 1024, "cross")]
    assert select([*entries, latency("os_pipe", 1024, "same")], one, None) == entries


def test_a_selection_compares_values_lists_and_absent_keys():
    wanted = {"question": "pipe_latency", "bytes": [16, 64], "codec": "", "placement": "same"}
    one = profile(select=(wanted,))
    entries = [
        latency("os_pipe", 64, "same"),
        latency("os_pipe", 64, "cross"),
        latency("os_pipe", 1024, "same"),
        entry("pipe_latency/os_pipe/bytes:64/codec:msgpack/placement:same"),
        entry("queue_latency/pipe_locked/bytes:64/placement:same"),
    ]
    assert select(entries, one, None) == entries[:1]


def test_a_selection_of_skipped_series_alone_is_refused_with_the_reason():
    there, away = entry("floor/syscall"), latency("os_pipe", skip="one CPU")
    assert split([there, away]) == ([there], [away])
    with pytest.raises(
        PlanError, match=r"1 series .*skipped here, as pipe_latency/os_pipe.*: one CPU"
    ):
        split([away])


def test_only_that_finds_nothing_says_how_to_list():
    one = profile(select=({"bytes": 64},))
    entries = [latency("os_pipe", 64), latency("os_pipe", 1024)]
    with pytest.raises(PlanError, match=r"none of the 1 series .*--list --profile p"):
        select(entries, one, "zmq")
    with pytest.raises(PlanError, match="1 outside it match: try --profile full"):
        select(entries, one, "bytes:1024")


def test_a_profile_with_an_unknown_field_is_refused(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text("[p]\nblocks = 1\nspeed = 3\n")
    with pytest.raises(PlanError, match="speed"):
        load_profiles(path)
    path.write_text("[p]\n[[p.select]]\nsize = 64\n")
    with pytest.raises(PlanError, match="unknown size"):
        load_profiles(path)


def test_a_listing_that_breaks_the_contract_is_refused():
    with pytest.raises(PlanError, match="bench_x --list: series 'nonsense'"):
        listed("bench_x", {"series": [{"name": "nonsense"}]})


def test_pipe_and_queue_are_compared_but_not_codecs_languages_floors_and_null():
    pipe = entry("pipe_throughput/os_pipe/bytes:64/codec:msgpack/placement:same")
    queue = entry(
        "queue_throughput/pipe_locked/bytes:64/codec:msgpack/producers:1/consumers:1/placement:same"
    )
    assert comparison_group(pipe) == comparison_group(queue)
    in_python = dataclasses.replace(pipe, program="bench_cpython")
    plain = entry("pipe_throughput/os_pipe/bytes:64/placement:same")
    crowd = entry("queue_throughput/pipe_locked/bytes:64/producers:2/consumers:1/placement:same")
    null = entry("pipe_throughput/null/bytes:64/placement:same")
    floor = entry("floor/memcpy/bytes:64")
    apart = (pipe, in_python, plain, crowd, null, latency("os_pipe"), floor)
    assert len({comparison_group(one) for one in apart}) == len(apart)


def test_compared_sides_share_a_count_that_the_slowest_can_afford():
    entries = [latency("fast"), latency("slow"), latency("null")]
    names = [e.series.name for e in entries]
    costs = dict(zip(names, (Calibration(1e3, 0), Calibration(1e5, 0), Calibration(10, 0))))
    counts = assign_messages(
        entries, costs, batches=5, run_seconds=0.2, batch_ms=0.1, capacity=65536
    )
    assert counts[names[0]] == counts[names[1]] == 400
    assert counts[names[2]] == 4_000_000


def test_a_fast_side_stretches_the_slow_ones_run_by_three_at_most_and_then_gets_more_itself():
    entries = [latency("fast"), latency("slow")]
    names = [e.series.name for e in entries]
    costs = dict(zip(names, (Calibration(1e3, 0), Calibration(1e5, 0))))
    counts = assign_messages(
        entries, costs, batches=5, run_seconds=0.2, batch_ms=0.8, capacity=65536
    )
    assert set(counts.values()) == {800}
    counts = assign_messages(
        entries, costs, batches=5, run_seconds=0.2, batch_ms=100, capacity=65536
    )
    assert [counts[name] for name in names] == [100_000, 1200]


def test_producers_and_consumers_can_share_the_messages_evenly():
    crowd = entry("queue_throughput/pipe_locked/bytes:64/producers:3/consumers:2/placement:same")
    for cost, count in ((1e3, 8100), (1e6, 96), (1e9, 6)):
        costs = {crowd.series.name: Calibration(cost, 0)}
        counts = assign_messages([crowd], costs, 1, run_seconds=0, batch_ms=0, capacity=65536)
        assert counts[crowd.series.name] == count


def test_a_batch_of_a_stream_is_many_times_what_can_wait():
    name = "{0}_throughput/{1}/bytes:{2}/{3}placement:same"
    streams = [
        entry(name.format("pipe", "fast", 64, "")),
        entry(name.format("pipe", "slow", 64, "")),
        entry(name.format("queue", "large", 65536, "producers:1/consumers:1/")),
    ]
    ping = latency("ping")
    costs = dict(zip([e.series.name for e in streams], (300, 1e5, 2e5)))
    costs[ping.series.name] = 1e4
    counts = assign_messages(
        [*streams, ping],
        {n: Calibration(ns, 0) for n, ns in costs.items()},
        *(5, 0.03, 0, 65536),
    )
    fast, slow, large = (counts[e.series.name] for e in streams)
    assert fast == 8100  # 8 x 1024, rounded down
    assert slow == 1000  # 0.1 s
    assert large == 120  # of at least 16 that wait
    assert counts[ping.series.name] == 600  # of 0.03 s in 5 batches: nothing waits in a round trip


@pytest.mark.parametrize("question", ["pool_map", "pool_apply", "cpu_bound", "io_bound"])
def test_one_worker_has_as_long_a_batch_as_several(question):
    workers = [entry(f"{question}/pool/processes:{n}/placement:free") for n in (1, 2, 4)]
    alone = entry("value_update/anonymous+futex/processes:1/placement:same")
    costs = {e.series.name: Calibration(500, 0) for e in (*workers, alone)}
    counts = assign_messages([*workers, alone], costs, 3, 0, batch_ms=5, capacity=65536)
    assert [counts[e.series.name] for e in workers] == [60_000] * 3  # 0.03 s
    assert counts[alone.series.name] == 10_000  # nothing starts there


def test_runs_shrink_until_the_budget_holds_and_no_further_than_allowed():
    entries = [latency("a"), latency("b", 1024)]
    costs = {e.series.name: Calibration(1e4, 0.05) for e in entries}
    cells = cells_of([e.series.name for e in entries], [])
    _, free = fit_messages(entries, costs, profile(), cells, 10)
    _, kept = fit_messages(entries, costs, profile(budget_seconds=3), cells, 10)
    _, least = fit_messages(entries, costs, profile(budget_seconds=0.1), cells, 10)
    assert free == pytest.approx(5.8, rel=0.05)
    assert 2 < kept <= 3
    assert least == pytest.approx(2.2, rel=0.05)


def test_an_a_a_series_runs_twice_in_a_block():
    assert cells_of(["x", "y"], ["y"]) == [("x", ""), ("y", "a"), ("y", "b")]


GROUPS = ["a", "b", "a", "c", "b", "a", "d"]


def test_every_block_has_every_cell_once():
    for order in balanced_order(GROUPS, 7, seed=1):
        assert sorted(order) == list(range(len(GROUPS)))


def test_over_a_pair_of_blocks_every_cell_has_the_same_mean_position():
    orders = balanced_order(GROUPS, 12, seed=2)
    for first, second in zip(orders[::2], orders[1::2]):
        for cell in range(len(GROUPS)):
            assert first.index(cell) + second.index(cell) == len(GROUPS) - 1


def test_compared_cells_run_next_to_each_other():
    for order in balanced_order(GROUPS, 6, seed=3):
        runs = [GROUPS[cell] for cell in order]
        changes = sum(left != right for left, right in zip(runs, runs[1:]))
        assert changes == len(set(GROUPS)) - 1


def test_the_seed_decides_the_order():
    assert balanced_order(GROUPS, 4, seed=5) == balanced_order(GROUPS, 4, seed=5)
    assert balanced_order(GROUPS, 4, seed=5) != balanced_order(GROUPS, 4, seed=6)
    first, _, third, _ = balanced_order(GROUPS, 4, seed=5)
    assert first != third


def sides_of_claims(entries, claims):
    """The two names of each cell of two backends."""
    for claim in claims:
        for metric in claim.metrics:
            for pair in claim.pairs:
                found = cell_sides(pair, metric, [e.series for e in entries], {})
                yield from ((x.name, y.name) for (x,), (y,) in found.values())


def test_what_a_claim_compares_runs_close_together(available):
    """Floors, languages, questions and numbers of workers that are compared with others."""
    one = load_profiles()["process"]
    taken, _ = split(select(available, one, None))
    groups = block_groups(taken, load_claims())
    assert max(list(groups.values()).count(group) for group in groups.values()) <= 16
    claims = [
        claim
        for claim in load_claims()
        if claim.id[:3] in ("C22", "C23", "C34", "T13", "T14", "T15")
    ]
    pairs = list(sides_of_claims(taken, claims))
    assert {x.split("/")[0] for x, _ in pairs} >= {
        "floor",
        "context_switch",
        "pool_apply",
        "cpu_bound",
    }
    names = [e.series.name for e in taken]
    for order in balanced_order([groups[name] for name in names], 4, seed=1):
        place = {names[cell]: i for i, cell in enumerate(order)}
        for x, y in pairs:
            assert groups[x] == groups[y]
            assert abs(place[x] - place[y]) < list(groups.values()).count(groups[x])


def test_sides_that_were_close_stay_close_and_no_group_is_much_larger(available):
    for one in load_profiles().values():
        taken, _ = split(select(available, one, None))
        groups = block_groups(taken, load_claims())
        assert all(groups[x] == groups[y] for x, y in sides_of_claims(taken, load_claims()))
        apart, joined = ({}, {})
        for e in taken:
            apart.setdefault(comparison_group(e), set()).add(groups[e.series.name])
            joined.setdefault(groups[e.series.name], []).append(e)
        assert all(len(group) == 1 for group in apart.values())
        largest = max(map(len, joined.values()))
        alone = max(sum(comparison_group(e) == group for e in taken) for group in apart)
        assert largest <= max(
            10 + alone, 3 * alone + 1
        )  # calls: single, of four clients, in a message


def test_best_sides_join_nothing():
    entries = [latency("os_pipe"), entry("queue_latency/pipe_locked/bytes:64/placement:cross")]
    entries += [latency("os_pipe", 1024), latency("null")]
    best = [claim for claim in load_claims() if any(pair.best_of for pair in claim.pairs)]
    groups = block_groups(entries, best)
    assert groups == {e.series.name: comparison_group(e) for e in entries}
