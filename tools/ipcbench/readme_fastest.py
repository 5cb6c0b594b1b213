# SPDX-License-Identifier: MIT
"""README.md's answers to "which is fastest?": between two peers, on another machine, among several producers and
consumers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .readme_runs import PLACEMENTS, caption, figure, median_cell, newest, not_measured, warnings
from .rundir import RunDir
from .tables import bytes_text, interval_text
from .verdict_page import machine_text, table

SIZES = (64, 4096, 65536)
WAIT_CLASSES = ("block", "adaptive", "spin")
NAMED = 3  # so many are named of those whose intervals overlap the fastest one's
METRICS = ("latency", "throughput")
PAIR = (1, 1)  # producers, consumers
CROWDS = (PAIR, (2, 1), (1, 2), (2, 2), (4, 4))


def fastest(run: RunDir, metrics: Iterable[str] = METRICS) -> str:
    """One table: at each size and placement the fastest C++ backend of each family and wait class, for bytes and one
    pair of peers. Spinning is never ranked with sleeping."""
    rows = [row for row in _rows(run) if _is_ours(row) and row["crowd"] == PAIR]
    classes = [name for name in WAIT_CLASSES if any(row["waits"] == name for row in rows)]
    places = [place for place in PLACEMENTS if any(row["placement"] == place for row in rows)]
    columns = [
        (family, metric)
        for metric in metrics
        for family in ("pipe", "queue")
        if any(row["question"] == f"{family}_{metric}" for row in rows)
    ]
    names = {"latency": "round trip", "throughput": "messages"}
    head = ["message", "on", "waits", *(f"{family}: {names[metric]}" for family, metric in columns)]
    body = []
    for size in SIZES:
        for place in places:
            for waits in classes:
                cell = (size, place, waits)
                here = [r for r in rows if (r["bytes"], r["placement"], r["waits"]) == cell]
                cells = [_fastest_cell(here, *column) for column in columns]
                if any(cells):
                    body.append([bytes_text(size), place, waits, *cells])
    lead = "".join(f"- {line}\n" for line in _in_short(rows, metrics))
    environment = run.environment()
    machine = ", ".join(machine_text(environment).split(", ")[:3])
    lead = f"{machine}, {str(environment.get('start', ''))[:10]}:\n\n{lead}"
    said = {"latency": "Round trip: p50, both ways", "throughput": "messages: per second"}
    asked = "; ".join(said[metric] for metric in metrics)
    ways = "; ".join(f"{waits}: {WAITS[waits]}" for waits in classes)
    note = (
        f"C++ backends, messages of bytes, one sender and one receiver. {asked}. "
        f"same: both processes on one CPU, cross: on two. {ways}. In square brackets the interval of the median; x: times the bare operation; in round "
        "brackets the others of the same kind whose intervals overlap the fastest one's: overlapping does not make them equal. The "
        "fastest is chosen and shown in the same runs, which flatters it a little; the verdicts choose and judge in different ones. A factor below 1 is explained under Method (Floors)."
    )
    return f"{lead}\n{table(head, body)}\n\n{note}\n"


WAITS = {
    "block": "who sleeps at once",
    "adaptive": "who spins, then sleeps",
    "spin": "who only spins",
}


def _in_short(rows: Sequence[Mapping[str, Any]], metrics: Iterable[str]) -> Iterable[str]:
    """The fastest round trip of a small message in a sentence each: by placement and wait class."""
    if "latency" not in metrics:
        return
    for place, where in PLACEMENTS.items():
        here = [r for r in rows if (r["bytes"], r["placement"]) == (SIZES[0], place)]
        text = [_words(words, [r for r in here if r["waits"] == w]) for w, words in WAITS.items()]
        if any(text):
            begin = f"**{where[0].upper()}{where[1:]}**, {bytes_text(SIZES[0])} there and back"
            yield f"{begin}: {'; '.join(filter(None, text))}."


def _words(waits: str, rows: Sequence[Mapping[str, Any]]) -> str:
    best = []
    for family in ("pipe", "queue"):
        ranked = sorted(
            (row for row in rows if row["question"] == f"{family}_latency"),
            key=lambda row: row["median"],
        )
        if ranked:
            first, *rest = ranked
            ties = sum(_overlap(first, row) for row in rest)
            others = "that of 1 other" if ties == 1 else f"those of {ties} others"
            tied = f" (its interval overlaps {others})" if ties else ""
            best.append(
                f"{family} `{first['backend']}` {' '.join(filter(None, interval_text(first)))}{tied}"
            )
    return f"{waits}, {' and '.join(best)}" if best else ""


def many_core(run: RunDir) -> str:
    """As fastest(), of the newest run under results/many-core/ beside the reference run's folder. Raises ReadmeError.

    Round trips only: the run is from before batches of streams had to be longer than what the transport holds.
    """
    run_there = newest(run.path.parent.parent / "many-core")
    environment = run_there.environment()
    where = (
        f"{machine_text(environment)}. Measured {str(environment.get('start', ''))[:10]}, run "
        f"[{run_there.path.name}](results/many-core/{run_there.path.name}/)."
    )
    blocks = run_there.plan().get("blocks", "several")
    return f"{fastest(run_there, ['latency'])}\n{where} Blocks: {blocks}. Its warnings: {warnings(environment)}.\n"


def _rows(run: RunDir) -> list[dict[str, Any]]:
    """The rows of the summary that have a median, but those of null, with how who waits does so, and the crowd."""
    wait_class = run.plan().get("wait_class", {})
    return [
        {**row, "waits": wait_class.get(row["backend"], WAIT_CLASSES[0]), "crowd": crowd_of(row)}
        for row in run.summary()
        if row["median"] is not None and row["backend"] != "null"
    ]


def _is_ours(row: Mapping[str, Any]) -> bool:
    """A C++ backend that moves bytes, one message a call."""
    plain = (row["codec"], row["op"]) == (None, None)
    return plain and not row["backend"].startswith("cpython_")


def crowd_of(row: Mapping[str, Any]) -> tuple[int, int]:
    """Producers and consumers; a pipe has one of each."""
    return row["producers"] or 1, row["consumers"] or 1


def _fastest_cell(rows: Sequence[Mapping[str, Any]], family: str, metric: str) -> str:
    """The best of the question's rows, and after it those whose intervals overlap its own, best first."""
    sign = -1 if metric == "throughput" else 1
    own = [row for row in rows if row["question"] == f"{family}_{metric}"]
    ranked = sorted(own, key=lambda row: sign * row["median"])
    if not ranked:
        return ""
    best = ranked[0]
    tied = [row for row in ranked[1:] if _overlap(best, row)]
    names = [f"`{row['backend']}`" for row in tied]
    if len(names) > NAMED + 1:
        names[NAMED:] = [f"{len(names) - NAMED} more"]
    others = f" ({', '.join(names)})" if names else ""
    return f"`{best['backend']}` {median_cell(best)}{others}"


def _overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if a["low"] is None or b["low"] is None:
        return True
    return a["low"] <= b["high"] and b["low"] <= a["high"]


def crowds(run: RunDir) -> str:
    """Streams through queues by how many put and get: where the scheduler places them the fastest C++ backend of each
    wait class at each size, and all backends at the smallest size on every placement. Sizes that the run lacks have a
    table of their own, of the newest run under results/crowds/: no row is of two runs. Raises ReadmeError.
    """
    more = newest(run.path.parent.parent / "crowds")
    rows = _streams_through_queues(run)
    sizes = {row["bytes"] for row in rows if row["crowd"] != PAIR}
    others = [row for row in _streams_through_queues(more) if row["bytes"] not in sizes]
    out = [_fastest_of_crowds([row for row in rows if row["bytes"] in sizes]), "", CROWDS_NOTE, ""]
    picture = f"throughput_by_peers_{bytes_text(SIZES[0]).replace(' ', '')}"
    out.append(figure(run, picture, "Messages per second by producers and consumers"))
    out += [f"<details><summary>All queues, {bytes_text(SIZES[0])}</summary>", ""]
    skipped = run.skipped()
    small = [row for row in rows if row["bytes"] == SIZES[0] and row["op"] is None]
    for place, where in {**PLACEMENTS, "free": "where the scheduler puts them"}.items():
        here = [row for row in small if row["placement"] == place and row["codec"] != "msgpack"]
        missing = [
            row
            for row in skipped
            if (row["question"], row["bytes"]) == ("queue_throughput", SIZES[0])
            and row["placement"] == place
            and row["backend"] != "null"
        ]
        if here:
            out += [f"**{place}: {where}**", "", _crowd_table(here, _crowds_of(rows)), ""]
            out += [not_measured(missing), ""] if missing else []
    out += ["</details>", ""]
    if others:
        out += [_apart(run, more, others), "", _fastest_of_crowds(others), ""]
        out += [f"Of {caption(more)}", ""]
    return "\n".join(out)


def _crowds_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    found = {row["crowd"] for row in rows}
    return [crowd for crowd in CROWDS if crowd in found]


def _crowd_names(crowds_there: Iterable[tuple[int, int]]) -> list[str]:
    return [f"{producers}x{consumers}" for producers, consumers in crowds_there]


def _fastest_of_crowds(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of one run's rows: the fastest C++ backend of each size and wait class, a column a crowd."""
    crowds_there = _crowds_of(rows)
    free = [row for row in rows if _is_ours(row) and row["placement"] == "free"]
    body = []
    for size in sorted({row["bytes"] for row in free}):
        for waits in WAIT_CLASSES:
            here = [row for row in free if (row["bytes"], row["waits"]) == (size, waits)]
            cells = [
                _fastest_cell([r for r in here if r["crowd"] == crowd], "queue", "throughput")
                for crowd in crowds_there
            ]
            if any(cells):
                body.append([bytes_text(size), waits, *cells])
    return table(["message", "waits", *_crowd_names(crowds_there)], body)


def _apart(run: RunDir, more: RunDir, rows: Iterable[Mapping[str, Any]]) -> str:
    """The line before the table of the other run's rows: why it is one of its own."""
    sizes = " and ".join(bytes_text(size) for size in sorted({row["bytes"] for row in rows}))
    there, here = _conditions(more), _conditions(run)
    apart = "on another day under other conditions" if there[1:] != here[1:] else "in another run"
    return (
        f"{sizes} were measured {apart} ({', '.join(there)}; above: {', '.join(here)}), so this table is not to be "
        "compared with the one above:"
    )


def _conditions(run: RunDir) -> list[str]:
    """The day, and what environment.json names of kernel, clock source and idle governor."""
    environment = run.environment()
    system = environment.get("system") or {}
    named = {"kernel": "Linux", "clocksource": "clock source", "cpu_idle_governor": "idle governor"}
    facts = [f"{words} {system[key]}" for key, words in named.items() if system.get(key)]
    return [str(environment.get("start", ""))[:10], *facts]


def _streams_through_queues(run: RunDir) -> list[dict[str, Any]]:
    return [row for row in _rows(run) if row["question"] == "queue_throughput"]


CROWDS_NOTE = (
    "Messages per second, producers x consumers, all of them processes where the scheduler puts them; so on two CPUs all but 1x1 "
    "have more peers than CPUs. Otherwise as above."
)


def _crowd_table(rows: Sequence[Mapping[str, Any]], crowds_there: Sequence[tuple[int, int]]) -> str:
    columns = _crowd_names(crowds_there)
    lines: dict[tuple[str, str, str], dict[tuple[int, int], Mapping[str, Any]]] = {}
    for row in rows:
        moves = "objects" if row["codec"] else "bytes"
        lines.setdefault((moves, row["backend"], row["waits"]), {})[row["crowd"]] = row
    body = [
        [f"`{backend}`", waits, moves]
        + [
            " ".join(filter(None, interval_text(cells[c]))) if c in cells else ""
            for c in crowds_there
        ]
        for (moves, backend, waits), cells in sorted(lines.items())
    ]
    return table(["backend", "waits", "moves", *columns], body, columns)
