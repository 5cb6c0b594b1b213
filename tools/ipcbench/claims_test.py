# SPDX-License-Identifier: MIT
"""Claims judged on run folders whose answer is known. Longer than most: one case for each kind of answer."""

import math
import re
import subprocess
from pathlib import Path

import pytest

from ipcbench import claims
from ipcbench.claim_data import CLAIMS, ClaimError, load_claims
from ipcbench.run_fixture import around, make_run
from ipcbench.stats import blocks_needed
from ipcbench.verdict_page import pattern
from ipcbench.verdict_text import sentence, turning

TOOL = Path(__file__).resolve().parent.parent / "claims"
PIPE, QUEUE = "cpython_pipe_duplex", "cpython_queue"


def rtt(family, backend, size=64, placement="cross", codec="pickle"):
    kind = f"/codec:{codec}" if codec else ""
    return f"{family}_latency/{backend}/bytes:{size}{kind}/placement:{placement}"


def rate(family, backend, size=64, placement="cross", codec="pickle", peers="1"):
    kind = f"/codec:{codec}" if codec else ""
    peers = f"/producers:{peers}/consumers:{peers}" if family == "queue" else ""
    return f"{family}_throughput/{backend}/bytes:{size}{kind}{peers}/placement:{placement}"


def round_trips(ratios, pipe=PIPE, queue=QUEUE, blocks=12, sigma=0.02, **keys):
    """Values of a pipe and a queue that takes ratios[size] times as long at each size."""
    values = {}
    for index, (size, ratio) in enumerate(ratios.items()):
        seeds = {"blocks": blocks, "sigma": sigma}
        values[rtt("pipe", pipe, size, **keys)] = around(1e4, seed=2 * index, **seeds)
        values[rtt("queue", queue, size, **keys)] = around(1e4 * ratio, seed=2 * index + 1, **seeds)
    return values


def judge(tmp_path, values, plan=None):
    return claims.judge(make_run(tmp_path / "20260102T030405Z_0123456789ab_0123abcd", values, plan))


def only(verdicts):
    (verdict,) = verdicts
    return verdict


def test_a_faster_pipe_holds(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 2.0, 65536: 1.5})))
    assert (verdict.claim.id, verdict.language, verdict.outcome) == ("C29", "CPython", "holds")
    assert [cell.ratio.median for cell in verdict.cells] == pytest.approx([2.0, 1.5], rel=0.03)
    assert all(c.ratio.low < c.ratio.median < c.ratio.high for c in verdict.cells)
    assert sentence(verdict) == "Pipe outperforms Queue (CPython): holds in all 2 cells measured"


def test_higher_throughput_is_better(tmp_path):
    values = {rate("pipe", PIPE): around(2e5), rate("queue", QUEUE): around(1e5, seed=1)}
    verdict = only(judge(tmp_path, values))
    assert verdict.outcome == "holds"
    assert verdict.cells[0].ratio.median == pytest.approx(2, rel=0.03)
    assert verdict.cells[0].keys["metric"] == "throughput"


def test_a_slower_pipe_fails_and_is_called_reversed(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 0.8})))
    assert (verdict.outcome, verdict.cells[0].tag) == ("fails", "reversed")
    assert "fails in the one cell measured (reversed in 1)" in sentence(verdict)


def test_equal_sides_fail_and_are_called_equivalent(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 1.0}, sigma=0.005)))
    assert (verdict.outcome, verdict.cells[0].tag) == ("fails", "equivalent")


def test_a_little_faster_than_equal_fails_without_a_tag(tmp_path):
    values = round_trips({64: 0.96}, sigma=0.02)
    verdict = only(judge(tmp_path, values))
    low, high = verdict.cells[0].ratio.low, verdict.cells[0].ratio.high
    assert low < 1 / 1.05 < high < 1.05
    assert (verdict.outcome, verdict.cells[0].tag) == ("fails", "")


def test_an_interval_over_the_margin_is_undecided_with_the_blocks_to_go(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 1.10}, sigma=0.06)))
    cell = verdict.cells[0]
    assert (verdict.outcome, cell.verdict) == ("undecided", "undecided")
    assert cell.ratio.low < 1.05 < cell.ratio.high
    assert 1 <= cell.more < 1000
    assert f"about {cell.more} more blocks would decide" in sentence(verdict)


def test_an_estimate_of_blocks_that_these_have_refuted_is_not_given(tmp_path):
    ratios = [1.3, 0.9, 1.31, 1.29, 1.3, 0.9, 1.32, 1.28, 1.3, 0.9, 1.31, 1.29]  # two states
    values = {rtt("pipe", PIPE): 12 * [1e4], rtt("queue", QUEUE): [1e4 * r for r in ratios]}
    (cell,) = only(judge(tmp_path, values)).cells
    assert (cell.verdict, cell.ratio.n) == ("undecided", 12)
    assert blocks_needed([math.log(r) for r in ratios], 1.05) <= 12 and cell.more == 4


def test_undecided_cells_keep_a_claim_from_holding(tmp_path):
    wide = round_trips({65536: 1.1}, sigma=0.06)
    verdict = only(judge(tmp_path, round_trips({64: 2.0}) | wide))
    assert verdict.outcome == "undecided"
    assert "holds in 1, undecided in 1 of 2 cells" in sentence(verdict)


def test_a_crossover_in_size_is_found_between_its_neighbours(tmp_path):
    ratios = {16: 2.0, 64: 1.8, 1024: 1.5, 4096: 1.3, 65536: 0.9, 1048576: 0.7}
    verdict = only(judge(tmp_path, round_trips(ratios, sigma=0.005)))
    assert (verdict.outcome, verdict.depends_on) == ("depends", ["size"])
    assert turning(verdict.cells[::-1]) == [
        ("between 4 KiB (holds) and 64 KiB (fails)", "round trip cross")
    ]
    assert sentence(verdict) == (
        "Pipe outperforms Queue (CPython): depends on size: holds in 4, fails in 2 of 6 cells (reversed in 2); "
        "crossover between 4 KiB (holds) and 64 KiB (fails)"
    )


def test_an_undecided_size_lies_inside_the_crossover(tmp_path):
    values = round_trips({64: 2.0, 65536: 0.7}) | round_trips({4096: 1.05}, sigma=0.06)
    verdict = only(judge(tmp_path, values))
    assert turning(verdict.cells)[0][0] == "between 64 B (holds) and 64 KiB (fails)"
    assert sentence(verdict).endswith("1 would take over 100 more blocks")


@pytest.mark.parametrize(
    "key,holding,failing",
    [
        ("placement", {"placement": "same"}, {"placement": "cross"}),
        ("pair", {"queue": QUEUE}, {"queue": "cpython_simple_queue"}),
    ],
)
def test_a_claim_depends_on_the_key_that_separates_its_cells(tmp_path, key, holding, failing):
    values = round_trips({64: 2.0, 4096: 2.0}, **holding)
    values |= round_trips({64: 0.9, 4096: 0.8}, **failing)
    verdict = only(judge(tmp_path, values))
    assert (verdict.outcome, verdict.depends_on) == ("depends", [key])
    assert turning(verdict.cells) == []


def test_a_claim_depends_on_two_keys_when_neither_alone_separates(tmp_path):
    values = round_trips({64: 2.0, 4096: 2.0}, placement="same")
    values |= round_trips({64: 2.0, 4096: 0.8}, placement="cross")
    verdict = only(judge(tmp_path, values))
    assert verdict.depends_on == ["placement", "size"]


def test_keys_that_the_cells_cannot_tell_apart_are_named(tmp_path):
    values = round_trips({64: 2.0}, placement="same") | round_trips({4096: 0.8}, placement="cross")
    verdict = only(judge(tmp_path, values))
    assert verdict.depends_on == ["placement"]
    assert "the cells of this run cannot tell placement from size" in verdict.notes


def test_too_few_blocks_give_no_verdict_and_the_number_needed(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 2.0}, blocks=5)))
    assert (verdict.outcome, verdict.cells[0].ratio.low) == ("no verdict", None)
    assert verdict.cells[0].ratio.median == pytest.approx(2, rel=0.05)
    assert sentence(verdict).endswith(
        "no verdict: needs at least 6 blocks for 1 cell, this run has 5"
    )


def test_clear_cells_need_no_more_blocks_for_being_many(tmp_path):
    ratios = dict.fromkeys((16, 64, 1024, 4096, 65536, 1048576), 2.0)
    verdict = only(judge(tmp_path, round_trips(ratios, blocks=7)))
    assert (verdict.outcome, verdict.least) == ("holds", 6)
    assert verdict.cell_confidence == pytest.approx(0.95)


def test_a_clear_cell_among_doubtful_ones_needs_more_blocks(tmp_path):
    ratios = {16: 2.0} | dict.fromkeys((64, 1024, 4096, 65536, 1048576), 1.05)
    verdict = only(judge(tmp_path, round_trips(ratios, blocks=7)))
    assert verdict.cell_confidence == pytest.approx(1 - 0.05 / 6)
    assert (verdict.outcome, verdict.least) == ("no verdict", 8)
    verdict = only(judge(tmp_path / "more", round_trips(ratios, blocks=8)))
    assert [cell.verdict for cell in verdict.cells] == ["holds"] + 5 * ["undecided"]
    assert all(cell.ratio.confidence >= 1 - 0.05 / 6 for cell in verdict.cells)


def test_a_smoke_run_gives_no_verdict_and_says_why(tmp_path):
    plan = {"profile": "smoke", "verdict": False}
    verdict = only(judge(tmp_path, round_trips({64: 2.0}, blocks=12), plan))
    assert verdict.outcome == "no verdict"
    assert "no verdict: profile smoke only shows that everything works" in sentence(verdict)
    assert "--profile full" in (tmp_path_file(tmp_path)).read_text()


def tmp_path_file(tmp_path):
    (folder,) = tmp_path.iterdir()
    return claims.write(claims.RunDir(folder))


def test_failed_runs_do_not_count_and_are_named(tmp_path):
    values = round_trips({64: 2.0}, blocks=8)
    values[rtt("pipe", PIPE)][3] = None
    verdict = only(judge(tmp_path, values))
    cell = verdict.cells[0]
    assert (cell.ratio.n, cell.failed, verdict.outcome) == (7, 1, "holds")
    assert "1 process run failed; their blocks do not count" in verdict.notes
    assert "holds; 1 failed run" in tmp_path_file(tmp_path).read_text()


def test_a_cell_whose_side_always_failed_has_no_verdict(tmp_path):
    values = round_trips({64: 2.0, 4096: 2.0})
    values[rtt("queue", QUEUE, 4096)] = [None] * 12
    verdict = only(judge(tmp_path, values))
    assert verdict.outcome == "undecided"
    assert [(c.verdict, c.ratio.n, c.failed) for c in verdict.cells] == [
        ("holds", 12, 0),
        ("no verdict", 0, 12),
    ]


def test_cells_that_only_one_side_has_are_not_judged(tmp_path):
    values = round_trips({64: 2.0})
    values[rtt("pipe", PIPE, 4096)] = around(1.0)
    values[rate("pipe", PIPE)] = around(1e5)
    values[rate("queue", QUEUE, peers="2")] = around(1e5)
    assert len(only(judge(tmp_path, values)).cells) == 1


def test_objects_and_bytes_are_never_compared(tmp_path):
    values = {
        rtt("pipe", "os_pipe", codec=""): around(1e4),
        rtt("queue", "pipe_locked", codec="msgpack"): around(2e4),
    }
    assert judge(tmp_path, values) == []


def test_bytes_of_cpython_are_no_part_of_the_claim(tmp_path):
    assert judge(tmp_path, round_trips({64: 2.0}, codec="")) == []


def test_a_partial_run_says_so(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 2.0}), {"state": "partial"}))
    assert verdict.notes == ["the run is partial: some of its blocks are missing"]


def test_both_languages_are_judged_apart(tmp_path):
    values = round_trips({64: 2.0}) | round_trips({64: 0.8}, "os_pipe", "pipe_locked", codec="")
    verdicts = judge(tmp_path, values)
    assert [(v.language, v.outcome) for v in verdicts] == [("CPython", "holds"), ("C++", "fails")]


@pytest.mark.parametrize("times, outcome", [(1.05, "holds"), (1.15, "undecided"), (1.3, "fails")])
def test_a_target_is_met_by_what_is_good_enough(tmp_path, times, outcome):
    """At most 1.15 times as long as os_pipe, at 64 B on one CPU."""
    values = {
        rtt("pipe", "shm_ring", placement="same", codec=""): around(1e4 * times),
        rtt("pipe", "shm_ring", 4096, "same", codec=""): around(3e4),
        rtt("pipe", "os_pipe", placement="same", codec=""): around(1e4, seed=1),
    }
    verdict = only(judge(tmp_path, values))
    (cell,) = verdict.cells
    assert (verdict.claim.id, verdict.outcome, cell.tag) == ("T3", outcome, "")
    assert cell.x == rtt("pipe", "shm_ring", placement="same", codec="")


def test_a_target_may_be_a_floor(tmp_path):
    values = {
        rtt("pipe", "shm_ring_spin", codec=""): around(520.0),
        rtt("pipe", "shm_ring_spin", 4096, codec=""): around(900.0),
        "floor/cacheline_rtt/placement:cross": around(400.0, seed=1),
    }
    verdict = only(judge(tmp_path, values))
    assert (verdict.claim.id, verdict.outcome, len(verdict.cells)) == ("T1", "holds", 1)
    assert verdict.cells[0].ratio.median == pytest.approx(1 / 1.3, rel=0.03)
    assert "Holds: the whole interval is above 0.6667. Fails: it is below." in (
        tmp_path_file(tmp_path).read_text()
    )


def test_what_waiting_costs_is_told_as_a_time(tmp_path):
    idle = "pipe_idle_cost/{}/bytes:64/placement:cross"
    values = {idle.format("shm_ring"): around(2e6), idle.format("shm_ring_spin"): around(2e9)}
    verdict = only(judge(tmp_path, values))
    assert (verdict.claim.id, verdict.outcome) == ("T12", "holds")
    assert "| 2.00 ms | `shm_ring_spin` | 2.00 s |" in tmp_path_file(tmp_path).read_text()


def test_work_of_the_cpu_is_judged_by_several_workers_and_waiting_by_any(tmp_path):
    work = "{}_bound/{}/processes:{}/placement:free".format
    values = {work("cpu", "processes", n): around(1e4 * n) for n in (1, 2, 4)}
    values |= {work("cpu", "threads", n): around(1e4, seed=n, sigma=0.002) for n in (1, 2, 4)}
    values |= {
        work("io", side, n): around(900.0) for n in (1, 2) for side in ("processes", "threads")
    }
    for sides in (("processes", 1), ("processes", 2), ("processes", 4)):
        values[work("cpu", *sides)] = around(1e4 * sides[1], sigma=0.002)
    cpu, waiting = judge(tmp_path, values)
    assert [(cell.keys["metric"], cell.verdict) for cell in cpu.cells] == [
        ("work of the CPU by 2", "holds"),
        ("work of the CPU by 4", "holds"),
    ]
    assert (cpu.claim.id, cpu.outcome) == ("C22", "holds")
    assert (waiting.claim.id, waiting.outcome, len(waiting.cells)) == ("C22b", "holds", 2)


def test_turns_are_told_as_times_with_their_context_switches(tmp_path):
    turn = "context_switch/cpython_{}_pair/processes:2/placement:same".format
    names = [turn(name) for name in ("thread", "process")]
    trait = {
        "family": "process",
        "order": "first in, first out",
        "transports": False,
        "on_kill": "",
    }
    plan = {"backends": [{**trait, "name": name.split("/")[1]} for name in names]}
    values = {names[0]: around(1.25e5), names[1]: around(3.125e5)}
    run = make_run(tmp_path / "run", values, plan)
    rows = run.runs()
    run.begin_runs()
    for row in rows:
        often = (1.5, 1.0) if row["series"] == names[0] else (0.5, 0.5)
        columns = ("voluntary_switches_per_message", "involuntary_switches_per_message")
        run.append_run(row | dict(zip(columns, often)))
    verdict = only(claims.judge(run))
    assert sentence(verdict) == (
        "Two threads that take turns hand over more cheaply than two processes (CPython): fails in the one cell measured "
        "(reversed in 1)"
    )
    text = claims.write(run).read_text()
    assert (
        "| a turn | 2 | same | `cpython_thread_pair` | 8.00 us | `cpython_process_pair` | 3.20 us |"
        in text
    )
    assert (
        "| `cpython_thread_pair` | process | 2.50 |" in text
    )  # it carries nothing: no capacity, no order
    assert "| `cpython_process_pair` | process | 1.00 |" in text
    assert "every byte" not in text and "a dead process is a failed run" in text


def test_a_value_promises_what_its_memory_and_its_lock_do(tmp_path):
    update = "value_update/anonymous+{}/processes:1/placement:same".format
    trait = {"order": "first in, first out", "transports": True, "on_kill": ""}
    plan = {
        "backends": [
            {**trait, "family": "memory", "name": "anonymous", "on_kill": "the pages stay"},
            {**trait, "family": "lock", "name": "futex", "on_kill": "the next one gets it"},
            {**trait, "family": "lock", "name": "atomic"},
        ]
    }
    values = {update("futex"): around(1e8), update("atomic"): around(2e8)}
    assert only(claims.judge(make_run(tmp_path / "run", values, plan))).claim.id == "T10"
    text = tmp_path_file(tmp_path).read_text()
    assert "| `anonymous+futex` | shared | the pages stay; the next one gets it |" in text
    assert "| `anonymous+atomic` | shared | the pages stay |" in text
    assert "### anonymous+futex against anonymous+atomic: " in text  # not "bytes": it carries none


def test_the_best_of_each_side_is_chosen_by_cell_within_the_wait_class(tmp_path):
    values = {
        rtt("pipe", "os_pipe", codec=""): around(1.2e4),
        rtt("pipe", "unix_stream", codec=""): around(1.0e4, seed=1),
        rtt("pipe", "spinning", codec=""): around(1.0e2, seed=2),
        rtt("pipe", "null", codec=""): around(1.0e1, seed=3),
        rtt("pipe", PIPE, codec=""): around(5.0, seed=4),
        rtt("queue", "pipe_locked", codec=""): around(1.5e4, seed=5),
        rtt("queue", "pipe_feeder", codec=""): around(3.0e4, seed=6),
    }
    verdict = only(judge(tmp_path, values))
    best = [cell for cell in verdict.cells if cell.keys["pair"].startswith("best")]
    assert [(c.x.split("/")[1], c.y.split("/")[1]) for c in best] == [
        ("unix_stream", "pipe_locked")
    ]


def test_the_best_of_a_side_is_chosen_in_other_blocks_than_it_is_judged_in(tmp_path):
    values = {
        rtt("pipe", "os_pipe", codec=""): 4 * [1.0e4] + 8 * [2.0e4],
        rtt("pipe", "unix_stream", codec=""): 4 * [1.1e4] + 8 * [1.1e4],
        rtt("queue", "pipe_locked", codec=""): 12 * [1.5e4],
    }
    verdict = only(judge(tmp_path, values))
    (best,) = [cell for cell in verdict.cells if cell.keys["pair"].startswith("best")]
    assert best.x == rtt("pipe", "os_pipe", codec="")  # though unix_stream has the better median
    assert (best.ratio.n, best.x_median, best.ratio.median) == (8, 2.0e4, pytest.approx(0.75))


def test_what_is_too_short_for_its_clock_has_no_ratio_and_does_not_count(tmp_path):
    values = round_trips({64: 2.0})
    values[rtt("pipe", PIPE)][3] = 0.0
    verdict = only(judge(tmp_path, values))
    assert (verdict.outcome, verdict.cells[0].ratio.n) == ("holds", 11)
    assert any("1 values are 0" in note for note in verdict.notes)


def test_the_blocks_that_a_best_pair_lacks_include_those_that_choose(tmp_path):
    pipe, queue = rtt("pipe", "os_pipe", codec=""), rtt("queue", "pipe_locked", codec="")

    def best(blocks, lost=()):
        alike = {"blocks": blocks, "sigma": 0.06}
        values = {pipe: around(1e4, **alike), queue: around(1.1e4, seed=2, **alike)}
        values[rtt("pipe", "unix_stream", codec="")] = around(2e4, seed=1, **alike)
        for block in lost:
            values[queue][block] = None
        verdict = only(judge(tmp_path / f"{blocks}{lost}", values))
        (cell,) = [cell for cell in verdict.cells if cell.keys["pair"].startswith("best")]
        if lost:
            return verdict, cell, []
        return verdict, cell, [math.log(q / p) for p, q in zip(values[pipe], values[queue])]

    assert best(2)[1].wanted == 10
    verdict, few, _ = best(7)
    assert (few.verdict, few.ratio.n, few.wanted) == ("no verdict", 5, 10)
    assert verdict.least == 7 and "need at least 10 blocks" in sentence(verdict)
    assert (best(9)[1].ratio.n, best(10)[1].ratio.n) == (6, 7)
    verdict, lossy, _ = best(12, lost=range(4, 8))
    assert (lossy.verdict, lossy.ratio.n, lossy.wanted) == ("no verdict", 4, 13)
    verdict, wide, logs = best(12)
    assert (wide.verdict, wide.set_aside, wide.ratio.n) == ("undecided", 4, 8)
    needed = blocks_needed(logs[4:], 1.05, verdict.cell_confidence)
    assert needed > 8
    judging = lambda blocks: blocks - blocks // 3  # noqa: E731
    assert judging(wide.wanted) == needed and judging(wide.wanted - 1) < needed


def test_a_best_pair_that_is_judged_anyway_costs_no_confidence(tmp_path):
    verdict = only(judge(tmp_path, round_trips({64: 2.0}, "os_pipe", "pipe_locked", codec="")))
    assert len(verdict.cells) == 2
    assert verdict.cell_confidence == pytest.approx(0.95)


def test_a_series_agrees_with_itself(tmp_path):
    name = rtt("pipe", "os_pipe", codec="")
    values = {f"{name} a": around(1e4), f"{name} b": around(1.01e4, seed=5)}
    verdict = only(judge(tmp_path, values))
    assert (verdict.claim.id, verdict.outcome) == ("A/A", "holds")
    assert verdict.cells[0].ratio.low <= 1 <= verdict.cells[0].ratio.high


def test_two_series_that_should_be_equal_are_and_taint_nothing_when_they_are_not(tmp_path):
    os_pipe, fifo = (rtt("pipe", name, codec="") for name in ("os_pipe", "fifo"))
    values = {os_pipe: around(1e4), fifo: around(1.01e4, seed=5)}
    verdict = only(judge(tmp_path, values))
    assert (verdict.claim.id, verdict.language, verdict.outcome) == ("named", "C++", "holds")
    values[fifo] = around(1.3e4, seed=5)
    verdict = only(judge(tmp_path / "other", values))
    assert (verdict.outcome, verdict.notes) == ("fails", [])


def test_noise_proves_no_equality(tmp_path):
    os_pipe, fifo = (rtt("pipe", name, codec="") for name in ("os_pipe", "fifo"))
    values = {os_pipe: around(1e4, sigma=0.3), fifo: around(1e4, seed=5, sigma=0.3)}
    assert only(judge(tmp_path, values)).outcome == "undecided"


def test_a_small_difference_is_equality_but_not_of_a_series_with_itself(tmp_path):
    os_pipe, fifo = (rtt("pipe", name, codec="") for name in ("os_pipe", "fifo"))
    near, nearly = around(1e4, sigma=0.002), around(1.03e4, seed=5, sigma=0.002)
    assert only(judge(tmp_path, {os_pipe: near, fifo: nearly})).outcome == "holds"
    itself = {f"{os_pipe} a": near, f"{os_pipe} b": nearly}
    assert only(judge(tmp_path / "other", itself)).outcome == "fails"


def test_an_aa_pair_that_differs_taints_every_verdict(tmp_path):
    name = rtt("pipe", "os_pipe", codec="")
    values = {f"{name} a": around(1e4), f"{name} b": around(1.3e4, seed=5)}
    verdicts = judge(tmp_path, values | {rtt("queue", "pipe_locked", codec=""): around(3e4)})
    assert [v.outcome for v in verdicts] == ["holds", "fails"]
    assert all("contaminated" in v.notes[0] for v in verdicts)


def test_one_aa_pair_that_differs_beside_a_noisy_one_taints_every_verdict(tmp_path):
    first, second = (rtt("pipe", "os_pipe", size, codec="") for size in (64, 4096))
    values = {f"{first} a": around(1e4), f"{first} b": around(1.3e4, seed=5)}
    values |= {f"{second} a": around(1e4, sigma=0.4), f"{second} b": around(1e4, seed=7, sigma=0.4)}
    (verdict,) = judge(tmp_path, values)
    assert {cell.verdict for cell in verdict.cells} == {"fails", "undecided"}
    assert "contaminated" in verdict.notes[0]


def test_an_aa_series_takes_part_in_other_claims_with_side_a(tmp_path):
    name = rtt("pipe", "os_pipe", codec="")
    values = {f"{name} a": around(1e4), f"{name} b": around(1e4, seed=2)}
    values[rtt("queue", "pipe_locked", codec="")] = around(2e4, seed=1)
    assert [v.outcome for v in judge(tmp_path, values)] == ["holds", "holds"]


def test_a_run_without_both_sides_has_no_verdict_to_render(tmp_path):
    assert judge(tmp_path, {"floor/syscall": around(100)}) == []
    assert "No claim judged" in tmp_path_file(tmp_path).read_text()


def test_a_pattern_matches_its_series_and_no_other():
    names = [rate("pipe", "os_pipe", codec=""), rate("queue", "pipe_locked", codec="")]
    regex = pattern(names)
    others = [rate("pipe", "os_pipe", 640, codec=""), rate("queue", "pipe_locked", 64, "same", "")]
    assert all(re.search(regex, name) for name in names)
    assert not any(re.search(regex, name) for name in others)
    latency = pattern([rtt("pipe", "os_pipe", codec=""), rtt("queue", "pipe_locked", codec="")])
    assert latency == (
        "^(pipe_latency/os_pipe|queue_latency/pipe_locked)/bytes:64/placement:cross$"
    )
    plus = "value_update/anonymous+futex/processes:2/placement:cross"
    assert re.search(pattern([plus]), plus) and "(" not in pattern([plus])


def test_verdicts_md_has_every_cell_and_the_command_that_repeats_it(tmp_path):
    values = round_trips({64: 2.0, 65536: 1.1}, sigma=0.06)
    verdict = only(judge(tmp_path, values))
    text = tmp_path_file(tmp_path).read_text()
    assert f"## {sentence(verdict)}" in text
    assert "2 CPUs, Test CPU" in text and "commit 0123456789ab" in text
    assert "every byte" in text and "| `cpython_queue` | queue | block | 64 KiB | 64 KiB |" in text
    commands = re.findall(r"^tools/run --profile quick --only '(.*)' --blocks (\d+)$", text, re.M)
    assert len(commands) == 1 + len(verdict.cells)
    for cell, (regex, blocks) in zip(verdict.cells, commands[1:]):
        assert {name for name in values if re.search(regex, name)} == {cell.x, cell.y}
        assert int(blocks) >= cell.ratio.n + (cell.more or 0)


def test_tools_claims_prints_the_verdict_within_100_columns_and_writes_it(tmp_path):
    sizes = (16, 64, 1024, 4096, 65536, 1048576)
    values = {}
    for placement in ("same", "cross", "free"):
        values |= round_trips(dict(zip(sizes, (12.0, 2, 1.5, 1.1, 0.9, 0.2))), placement=placement)
    run = make_run(tmp_path / "run", values)
    done = subprocess.run([TOOL, run.path], capture_output=True, text=True, check=True)
    assert "Pipe outperforms Queue (CPython): depends on size" in done.stdout
    assert re.search(r"1[12]\.\d holds", done.stdout) and "0.2" in done.stdout
    assert "fails<" in done.stdout and " ?" in done.stdout
    tables = [line for line in done.stdout.splitlines() if not line.startswith("written")]
    assert max(map(len, tables)) <= 100
    assert (run.path / "verdicts.md").exists()


@pytest.mark.parametrize(
    "arguments,message",
    [
        ([], "usage: tools/claims RUN_FOLDER"),
        (["/nonexistent"], "/nonexistent"),
        (["--what"], "usage: tools/claims RUN_FOLDER"),
    ],
)
def test_wrong_usage_of_tools_claims_exits_2(arguments, message):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_is_no_run_folder(tmp_path):
    done = subprocess.run([TOOL, tmp_path], capture_output=True, text=True)
    assert done.returncode == 2 and "no run folder" in done.stderr


def test_the_claims_of_the_project_are_complete():
    c29, c28b, c05, c05b, c05c, aa, named, *others = load_claims()
    targets = [claim for claim in others if claim.source == "this project"]
    said = [claim.id for claim in others if claim not in targets]
    assert said == ["C22", "C22b", "C23", "C23b", "C34"]
    assert [(c29.id, c29.sentence, c29.margin)] == [("C29", "Pipe outperforms Queue", 0.05)]
    assert {pair.language for pair in c29.pairs} == {"CPython", "C++"}
    assert {(metric.column, metric.better) for metric in c29.metrics} == {
        ("p50_ns", "lower"),
        ("messages_per_second", "higher"),
    }
    assert c28b.id == "C28b" and {pair.y for pair in c28b.pairs} == {"cpython_manager_queue"}
    assert c05.id == "C05" and {pair.language for pair in c05.pairs} == {"CPython", "C++"}
    assert c05b.id == "C05b" and {pair.language for pair in c05b.pairs} == {"CPython", "C++"}
    assert c05c.id == "C05c" and {pair.language for pair in c05c.pairs} == {"CPython", "C++"}
    assert aa.same and not aa.pairs
    assert named.same and len(named.pairs) == 2
    assert [t.id for t in targets] == [f"T{i}" for i in range(1, len(targets) + 1)]
    assert all(t.at_least and t.sentence.startswith("Target: ") for t in targets)


@pytest.mark.parametrize(
    "old,new,message",
    [
        ("[[claim.metric]]", "[[claim.unused]]", "C29.*has no metric"),
        ('column = "p50_ns"', 'column = "p51_ns"', "C29.*round trip.*p51_ns"),
        ('better = "lower"', 'better = "smaller"', "C29.*better is lower or higher"),
        ("margin = 0.05", 'margin = "5 %"', "C29.*margin"),
        ("at_least = 0.8\n", "", "T2.*needs a margin, or at_least"),
        ("at_least = 0.8\n", "at_least = 0.8\nmargin = 0.1\n", "T2.*needs a margin, or at_least"),
        ("at_least = 0.8\n", "at_least = -1.0\n", "T2.*at_least.*a ratio"),
        ("margin = 0.10", "at_least = 0.9", "A/A.*needs a margin"),
        ("confidence = 0.95", "confidence = 95", "confidence"),
        ('best_of = "block"', 'best_off = "block"', "C29.*best_off"),
        ('x = "os_pipe"', "", "C29.*pair.*needs x and y"),
        ("same = true", "", "A/A.*needs pairs"),
        ("[[claim]]", "[[claims]]", "unknown claims"),
        ("[[claim]]", "[[claim]", "claims.toml"),
    ],
)
def test_a_wrong_claim_is_refused_by_its_name(tmp_path, old, new, message):
    path = tmp_path / "claims.toml"
    path.write_text(CLAIMS.read_text().replace(old, new))
    with pytest.raises(ClaimError, match=message):
        load_claims(path)
