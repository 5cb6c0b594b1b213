# SPDX-License-Identifier: MIT
"""The generated parts of README.md, on synthetic reference runs and on the project's own. Longer than most: one case
for each part."""

import re
import subprocess
from pathlib import Path

import pytest

from ipcbench import readme
from ipcbench.readme import ReadmeError, reference_run, update
from ipcbench.run_fixture import ENVIRONMENT, around, make_run
from ipcbench.rundir import HISTOGRAM_COLUMNS, RUN_COLUMNS, SCHEMA, SUMMARY_COLUMNS
from ipcbench.series import parse

TOOL = Path(__file__).resolve().parent.parent / "readme"
OLD, NEW = "20260101T000000Z_0123456789ab_0123abcd", "20260102T000000Z_0123456789ab_0123abcd"
BACKENDS = [
    {
        "family": family,
        "name": name,
        "summary": "a pipe | two ends",
        "wait_class": "block",
        "max_message": 2**31 - 1,
        "unsized_message": 4096,
        "capacity": "bytes",
        "order": "first in, first out",
        "producers": peers,
        "consumers": peers,
        "on_kill": "end of file",
        "leftovers": "none",
        "needs": "Linux",
    }
    for family, name, peers in (("queue", "pipe_locked", 1 << 20), ("pipe", "os_pipe", 1))
]
README = """# Title
before
<!-- generated: headline -->
<!-- /generated -->
between
<!-- generated: verdict -->
stale
<!-- /generated -->
<!-- generated: backends -->
<!-- /generated -->
after
"""


def values(round_trip=1e4):
    """os_pipe at `round_trip` ns against pipe_locked at 20 us."""
    out = {"floor/futex_rtt/placement:cross": around(5e3), "floor/copy_cross/bytes:64": around(100)}
    for size in (64, 4096):
        out[f"pipe_latency/os_pipe/bytes:{size}/placement:cross"] = around(round_trip)
        queue = f"queue_latency/pipe_locked/bytes:{size}/placement:cross"
        out[queue] = around(2e4, seed=1)
        throughput = f"bytes:{size}/producers:1/consumers:1/placement:cross"
        out[f"queue_throughput/pipe_locked/{throughput}"] = around(1e6)
    out["queue_throughput/pipe_locked/bytes:64/producers:2/consumers:2/placement:cross"] = around(7)
    return out


@pytest.fixture
def root(tmp_path):
    """A project with a README and one reference run."""
    (tmp_path / "README.md").write_text(README)
    make_run(tmp_path / "results" / "reference" / OLD, values())
    return tmp_path


def test_update_writes_the_parts_and_leaves_the_rest(root):
    assert update(root, check=False, listed=BACKENDS)
    text = (root / "README.md").read_text()
    lines = text.splitlines()
    assert lines[:2] == ["# Title", "before"] and lines[-1] == "after" and "between" in lines
    assert "stale" not in text
    assert "| `os_pipe` | pipe | block | bytes | 10.0 us [9." in text and " x2.00 |" in text
    assert "| `pipe_locked` | queue | block | bytes | 1.00 M/s" in text and " x10.0 |" in text
    assert "producers:2" not in text and "7.00 /s" not in text
    assert "2 CPUs, Test CPU" in text and "commit 0123456789ab" in text and "2026-01-02" in text
    assert f"results/reference/{OLD}/verdicts.md" in text
    assert "**Pipe outperforms Queue (C++): holds in all 4 cells measured**" in text
    assert (
        "| `pipe_locked` | queue | a pipe \\| two ends | block | any, 4 KiB unless told | bytes | first in, first out | any x any |"
        in text
    )


def test_the_fastest_of_each_family_is_named_with_those_whose_intervals_overlap(root):
    run = values()
    slower = {"unix_stream": 1.001e4, "fifo": 1.5e4, "null": 10.0, "cpython_pipe_duplex": 9e3}
    for backend, median in slower.items():
        run[f"pipe_latency/{backend}/bytes:64/placement:cross"] = around(median, seed=3)
    folder = make_run(root / "run", run)
    lines = readme.fastest(folder).splitlines()
    assert re.fullmatch(
        r"- \*\*On different CPUs\*\*, 64 B there and back: who sleeps at once, pipe `os_pipe` 10.0 us \[.*\] \(its interval overlaps that of 1 other\) "
        r"and queue `pipe_locked` 20.0 us \[.*\]\.",
        lines[2],
    )
    assert (
        lines[0] == "2 CPUs, Test CPU, virtual machine, 2026-01-02:" and lines[1] == lines[3] == ""
    )
    assert lines[4] == (
        "| message | on | waits | pipe: round trip | queue: round trip | queue: messages |"
    )
    (line,) = [line for line in lines if line.startswith("| 64 B | cross |")]
    assert line.startswith("| 64 B | cross | block | ")
    assert "| `os_pipe` 10.0 us [9." in line and "x2.00 (`unix_stream`) |" in line
    assert "fifo" not in line and "null" not in line and "cpython" not in line


def test_crowds_are_ranked_by_how_many_put_and_get(root):
    run = {}
    for backend, median in {
        "pipe_locked": 1e6,
        "pipe_feeder": 5e5,
        "null": 1e9,
        "spinning": 9e6,
    }.items():
        for placement in ("same", "free"):
            for crowd in ("producers:1/consumers:1", "producers:4/consumers:4"):
                name = f"queue_throughput/{backend}/bytes:64/{crowd}/placement:{placement}"
                run[name] = around(median if crowd.endswith("1") else median / 8, seed=4)
    run[
        "queue_throughput/cpython_queue/bytes:64/codec:pickle/producers:4/consumers:4/placement:same"
    ] = around(9e4)
    folder = make_run(root / "results" / "reference" / NEW, run)
    spun = "queue_throughput/os_spin/bytes:64/producers:4/consumers:4/placement:same"
    columns = {"series": spun, **parse(spun).columns()}
    folder.append_run(
        {"schema": SCHEMA, "run": "run", **columns, "status": "skipped", "reason": "too many spin"}
    )
    make_run(root / "results" / "crowds" / NEW, {"floor/memcpy/bytes:64": around(9.0)})
    text = readme.crowds(folder)
    head, _, block, spin, *_ = text.splitlines()
    assert head == "| message | waits | 1x1 | 4x4 |" and text.count(head) == 1
    assert block.startswith("| 64 B | block | `pipe_locked` 1.00 M/s [") and " 125 k/s [" in block
    assert spin.startswith("| 64 B | spin | `spinning` 9.00 M/s [")
    same, free = text.split("**same: ")[1].split("**free: ")
    assert "| `pipe_feeder` | block | bytes | 500 k/s [" in same and "62.5 k/s [" in free
    assert "| `cpython_queue` | block | objects |  | 90.0 k/s [" in same and "cpython" not in free
    assert "Not measured: too many spin (`os_spin`)." in same and "Not measured" not in free
    assert "null" not in text and text.endswith("\n</details>\n")


def test_no_row_of_the_crowds_is_of_two_runs(root):
    name = "queue_throughput/pipe_locked/bytes:{}/producers:{}/consumers:{}/placement:free".format
    run, other = root / "results" / "reference" / NEW, root / "results" / "crowds" / NEW
    run = make_run(
        run, {name(64, 1, 1): around(1e6), name(64, 4, 4): around(2e6), name(16, 1, 1): around(3e6)}
    )
    other = make_run(
        other,
        {
            name(64, 4, 4): around(5e6),
            name(16, 4, 4): around(6e6),
            name(1 << 20, 2, 1): around(7e3),
        },
    )
    assert "16 B and 1 MiB were measured in another run (2026-01-02, Linux 6.1.0;" in readme.crowds(
        run
    )
    system = {"kernel": "6.2.0", "clocksource": "tsc", "cpu_idle_governor": "menu"}
    other.write_environment({**ENVIRONMENT, "start": "2026-01-03T00:00:00Z", "system": system})
    first, second = readme.crowds(run).split("</details>\n")
    lines = [line for line in first.splitlines() if line.startswith("| 64 B | ")]
    assert len(lines) == 1 and " 1.00 M/s [" in lines[0] and " 2.00 M/s [" in lines[0]
    assert "16 B" not in first and "5.00 M/s" not in first
    _, why, _, head, _, small, large, _, caption = second.splitlines()
    assert why == (
        "16 B and 1 MiB were measured on another day under other conditions (2026-01-03, Linux 6.2.0, clock source tsc, "
        "idle governor menu; above: 2026-01-02, Linux 6.1.0), so this table is not to be compared with the one above:"
    )
    assert head == "| message | waits | 2x1 | 4x4 |"
    assert re.fullmatch(r"\| 16 B \| block \|  \| `pipe_locked` 6\.00 M/s \[.*\] \|", small)
    assert re.fullmatch(r"\| 1 MiB \| block \| `pipe_locked` 7\.00 k/s \[.*\] \|  \|", large)
    assert caption.startswith(f"Of run [{NEW}](results/crowds/{NEW}/), ")


def test_what_has_no_number_in_the_headline_has_a_reason(root):
    folder = make_run(root / "run", values())
    for name, reason in {
        "pipe_latency/posix_mq/bytes:65536/placement:cross": "at most 8192 bytes",
        "pipe_latency/sysv_mq/bytes:65536/placement:cross": "at most 8192 bytes",
        "pipe_latency/spinning/bytes:64/placement:same": "would keep the CPU",
        "pipe_latency/other/bytes:16/placement:cross": "not shown",
    }.items():
        row = {"schema": SCHEMA, "run": "run", "series": name, **parse(name).columns()}
        folder.append_run({**row, "status": "skipped", "reason": reason})
    text = readme.headline(folder)
    assert "Not measured: at most 8192 bytes (`posix_mq`, `sysv_mq`)." in text
    assert text.count("Not measured") == 1  # on one CPU there is no table


def test_the_worst_that_a_kill_may_do_is_said_where_it_is_worse_or_an_error():
    killed = {"idle": "nothing", "sending": "loss", "receiving": "nothing", "inside": "nothing"}
    row = {**BACKENDS[0], "killed": killed}
    assert "| nothing / loss / nothing | end of file |" in readme.backends([row])
    killed["inside"] = "hang"
    assert "| nothing / loss / nothing; at worst hang | end of file |" in readme.backends([row])
    killed["inside"] = "error"
    assert (
        "| nothing / loss / nothing; inside a call also error | end of file |"
        in readme.backends([row])
    )


def test_spinning_is_ranked_with_spinning_alone(root):
    run = values() | {"pipe_latency/spinning/bytes:64/placement:cross": around(500.0)}
    lines = readme.fastest(make_run(root / "run", run)).splitlines()
    assert "; who only spins, pipe `spinning` 500 ns [" in lines[2]
    here = [line for line in lines if line.startswith("| 64 B | cross |")]
    assert [line.split(" | ")[2] for line in here] == ["block", "spin"]
    assert "spinning" not in here[0] and "`spinning` 500 ns" in here[1]
    assert "os_pipe" not in here[1]


def test_the_newest_run_on_many_cores_is_shown_with_its_machine(root):
    run = readme.reference_run(root)
    with pytest.raises(readme.ReadmeError, match="many-core: no run folder"):
        readme.many_core(run)
    folder = root / "results" / "many-core"
    make_run(folder / OLD, values(round_trip=5e3))
    make_run(folder / NEW, values(round_trip=7e3))
    text = readme.many_core(run)
    assert "`os_pipe` 7.00 us" in text and f"[{NEW}](results/many-core/{NEW}/)" in text
    assert OLD not in text


def test_the_targets_are_shown_with_what_was_wanted_and_is(root):
    run = readme.reference_run(root)
    with pytest.raises(readme.ReadmeError, match="targets: no run folder"):
        readme.targets(run)
    ring, floor = (
        "pipe_latency/shm_ring_spin/bytes:64/placement:cross",
        "floor/cacheline_rtt/placement:cross",
    )
    made = make_run(
        root / "results" / "targets" / NEW,
        {ring: around(1000.0), "pipe_latency/os_pipe/bytes:64/placement:same": around(2e3)},
    )
    for block, value in enumerate(around(500.0)):  # a floor with round trips
        row = {column: None for column in RUN_COLUMNS} | made.runs()[block]
        keys = {"series": floor, "question": "floor", "backend": "cacheline_rtt", "bytes": None}
        made.append_run(row | keys | {"p50_ns": value, "block": block})
    make_run(root / "results" / "shared" / NEW, values(round_trip=5e3))
    make_run(root / "results" / "idle" / NEW, values(round_trip=5e3))
    for folder in ("process", "manager"):
        make_run(root / "results" / folder / NEW, values(round_trip=5e3))
    lines = readme.targets(run).splitlines()
    assert lines[0].startswith("- T1: shm_ring_spin answers 64 B")
    (line,) = [line for line in lines if line.startswith("| T1 |")]
    assert line.startswith(
        "| T1 | shm_ring_spin against floor/cacheline_rtt: round trip | 0.667 | 0.5"
    )
    assert line.endswith("] | fails |") and "Its warnings: none." in lines[-1]


def test_waiting_is_told_as_a_share_of_a_cpu(root):
    run = readme.reference_run(root)
    idle = "idle_cost/shm_robust/bytes:64/placement:cross"
    made = make_run(
        root / "results" / "idle" / NEW,
        {f"queue_{idle}": around(2e7), "pipe_idle_cost/os_pipe/bytes:64/placement:cross": [2e9]},
    )
    text = readme.waiting(run)
    assert "| `shm_robust` |  | 1.00 % [0.9" in text
    assert "| `os_pipe` | 100 % |  |" in text  # of one run there is no interval
    assert f"[{made.path.name}](results/idle/{NEW}/)" in text


def test_huge_messages_are_shown_in_bytes_per_second(root):
    run = readme.reference_run(root)
    stream = "bytes:16777216/producers:1/consumers:1/placement:cross"
    made = make_run(
        root / "results" / "huge" / NEW,
        {
            f"queue_throughput/shm_robust/{stream}": around(100.0),
            "pipe_throughput/os_pipe/bytes:67108864/placement:same": [10.0],
            "pipe_throughput/null/bytes:67108864/placement:same": [1e9],
        },
    )
    text = readme.huge(run)
    assert "|  | family | 16 MiB, same | 64 MiB, same | 16 MiB, cross | 64 MiB, cross |" in text
    assert re.search(r"\| `shm_robust` \| queue \|  \|  \| 1\.6[78] GB/s \[1\.6", text)
    assert "| `os_pipe` | pipe |  | 0.671 GB/s |  |  |" in text  # of one run there is no interval
    assert "null" not in text and f"[{made.path.name}](results/huge/{NEW}/)" in text


def test_warnings_are_quoted_without_the_names_of_series():
    noise = [
        "the hypervisor gave 4.2 % of the CPU time to others: moderate",
        "9 of 12 series are unstable (spread over 10 %): floor/syscall, ...",
        "1 of 12 series took under a third of the time that they were calibrated at, so their process runs are short: x",
    ]
    assert readme.warnings({"noise": noise}) == (
        "the hypervisor gave 4.2 % of the CPU time to others: moderate; 9 of 12 series are unstable (spread over 10 %); "
        "1 of 12 series took under a third of the time that they were calibrated at, so their process runs are short"
    )
    assert readme.warnings({}) == "none"


def test_the_answer_is_the_verdicts_on_pipe_and_queue_alone(root):
    assert readme.answer(readme.reference_run(root)) == (
        "- Pipe outperforms Queue (C++): holds in all 4 cells measured\n"
    )


def test_processes_are_shown_with_their_times_and_what_is_said_of_them(root):
    run = readme.reference_run(root)
    made = make_run(
        root / "results" / "process" / NEW,
        {
            "process_start/thread/placement:same": around(2e4),
            "process_start/process/placement:same": around(2e3),
            "pool_apply/pool/processes:1/placement:same": around(1e5),
            "context_switch/cpython_process_pair/processes:2/placement:same": around(3.125e5),
            "floor/context_switch_threads": around(2500.0),
            "floor/fork_wait": around(3e5),
        },
    )
    rows = made.runs()
    made.begin_runs()
    switches = ("voluntary_switches_per_message", "involuntary_switches_per_message")
    for row in rows:
        made.append_run(row | (dict.fromkeys(switches, 0.5) if row["question"] != "floor" else {}))
    text = readme.processes(run)
    assert "|  | a turn | context switches a turn |" in text
    assert re.search(r"\| `cpython_process_pair` \| 3\.20 us \[.*\] \| 1\.00 \|", text)
    assert re.search(r"\| `context_switch_threads` \| 2\.50 us \[.*\] \|  \|", text)
    assert "fork_wait" not in text
    assert "| `process` | 500 us [" in text and "| `thread` | 50.0 us [" in text
    assert "Starting a thread is cheaper than starting a process (C++): holds" in text
    assert "A pool saves the starting and ending of processes (C++): holds" in text
    assert f"[{made.path.name}](results/process/{NEW}/)" in text


def test_a_pool_that_is_made_for_so_many_tasks_is_compared_with_as_many_processes(root):
    run = readme.reference_run(root)
    once = "pool_once/{}/op:{}x{}ms/processes:2/placement:free".format
    rates = {0: {1: 0.5, 2: 1.0, 16: 2.0}, 10: {1: 0.5, 2: 0.9, 16: 1.0}}  # by ms and tasks
    values = {}
    for ms, by_tasks in rates.items():
        for tasks, rate in by_tasks.items():
            values[once("pool", tasks, ms)] = around(1e3 * rate)
            values[once("process_per_task", tasks, ms)] = around(1e3)
    make_run(root / "results" / "process" / NEW, values)
    text = readme.processes(run)
    assert "| 1 task of 0 ms | 2.00 ms [" in text and "| 2 tasks of 10 ms | 1.11 ms [" in text
    assert "| tasks | C++, 0 ms | C++, 10 ms |" in text
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \[.*?\]: ([a-z ]+) \|", text, re.MULTILINE)
    assert rows == [("1", "0.500", "slower"), ("2", "1.00", "as fast"), ("16", "2.00", "faster")]


def test_calls_of_managers_are_shown_by_operation_and_by_clients(root):
    run = readme.reference_run(root)
    ours, theirs = "unix_socket", "cpython_manager"
    values = {}
    for name, rate in ((ours, 1e5), (theirs, 1e4)):
        for keys in ("op:dict_set/clients:1", "bytes:4096/op:dict_set/clients:1"):
            values[f"manager_call/{name}/{keys}/placement:same"] = around(rate)
        values[f"manager_call/{name}/op:dict_set/clients:4/placement:free"] = around(2 * rate)
        values[f"manager_connect/{name}/clients:1/placement:cross"] = around(rate / 5)
    values[f"manager_pipelined/{ours}/op:dict_set/clients:1/placement:same"] = around(5e5)
    made = make_run(root / "results" / "manager" / NEW, values)
    text = readme.managers(run)
    assert "|  | `cpython_manager` | `unix_socket` |" in text
    assert re.search(r"\| `dict_set` \| 100 us \[.*\] \| 10\.0 us \[", text)
    assert re.search(r"\| `dict_set`, 4\.00 KiB \| 100 us|\| `dict_set`, 4 KiB \| 100 us", text)
    assert re.search(r"\| `dict_set`, 16 in a message \|  \| 2\.00 us \[", text)
    assert re.search(r"\| connect, one call, leave \| 500 us \[", text)
    assert re.search(r"\| `dict_set`, 4 clients \| 20\.0 k/s \[", text)
    assert f"[{made.path.name}](results/manager/{NEW}/)" in text


def test_update_twice_changes_nothing(root):
    update(root, check=False, listed=BACKENDS)
    assert update(root, check=False, listed=BACKENDS) == []
    assert update(root, check=True, listed=BACKENDS) == []


def test_check_shows_a_number_that_was_changed_by_hand_and_changes_nothing(root):
    update(root, check=False, listed=BACKENDS)
    path = root / "README.md"
    wrong = path.read_text().replace("10.0 us", "9.00 us", 1)
    path.write_text(wrong)
    lines = update(root, check=True, listed=BACKENDS)
    assert any(line.startswith("-") and "9.00 us" in line for line in lines)
    assert any(line.startswith("+") and "10.0 us" in line for line in lines)
    assert path.read_text() == wrong


def test_the_newest_reference_run_of_two_cpus_counts(root):
    update(root, check=False, listed=BACKENDS)
    make_run(root / "results" / "reference" / NEW, values(3e4))
    other = make_run(root / "results" / "reference" / f"3{NEW[1:]}", values(), {})
    other.write_environment({**ENVIRONMENT, "machine": {"cpus": 64}})
    assert reference_run(root).path.name == NEW
    assert any("fails in all 4 cells" in line for line in update(root, check=True, listed=BACKENDS))


@pytest.mark.parametrize(
    "old,new,message",
    [
        ("generated: verdict", "generated: verdicts", "'verdicts'; there are answer, fastest"),
        ("<!-- /generated -->\nafter", "after", "not closed"),
        (README, "nothing generated", "no line"),
    ],
)
def test_wrong_marks_are_refused(root, old, new, message):
    (root / "README.md").write_text(README.replace(old, new))
    with pytest.raises(ReadmeError, match=message):
        update(root, check=True, listed=BACKENDS)


def test_a_project_without_a_reference_run_says_how_to_get_one(tmp_path):
    (tmp_path / "README.md").write_text(README)
    with pytest.raises(ReadmeError, match="results/README.md"):
        update(tmp_path, check=True, listed=BACKENDS)


def test_wrong_usage_of_tools_readme_exits_2():
    done = subprocess.run([TOOL, "--chekc"], capture_output=True, text=True)
    assert done.returncode == 2 and "usage: tools/readme [--check]" in done.stderr


def test_the_readme_of_the_project_is_what_its_reference_run_gives():
    done = subprocess.run([TOOL, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_has_a_name_that_the_readme_may_use():
    assert list(readme.PARTS) == [
        *(
            "answer",
            "fastest",
            "many-core",
            "headline",
            "crowds",
            "verdict",
            "targets",
            "shared-values",
            "huge",
            "waiting",
            "processes",
            "managers",
            "servers",
            "ways",
            "facts",
            "backends",
            "shared",
            "quality",
            "figures",
        )
    ]


def test_results_readme_explains_every_column_of_the_current_schema():
    text = (readme.ROOT / "results" / "README.md").read_text()
    for column in {*RUN_COLUMNS, *SUMMARY_COLUMNS, *HISTOGRAM_COLUMNS}:
        assert f"`{column}`" in text, column
    assert f"It is **{SCHEMA}**" in text
