# SPDX-License-Identifier: MIT
"""The generated parts of README.md: what backends promise, from the programs as they are built, all else from one
reference run, the newest under results/reference/ of two CPUs.

Longer than most: a function or two for each part.

A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; the rest of README.md is nobody's but its
author's.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import claims, quality
from .claim_data import load_facts
from .readme_fastest import PAIR, SIZES, crowd_of, crowds, fastest, many_core
from .readme_huge import huge
from .readme_idle import waiting
from .readme_manager import managers, servers
from .readme_process import ABOUT, processes, ways
from .readme_runs import (
    OURS,
    PLACEMENTS,
    ReadmeError,
    caption,
    is_about,
    longest,
    median_cell,
    newest,
    not_measured,
    run_folders,
    warnings,
)
from .readme_shared import shared, shared_values
from .rundir import RunDir, write_text
from .summary import OTHERS
from .tables import bytes_text, digits
from .verdict import Cell, Verdict
from .verdict_page import machine_text, table
from .verdict_text import part_title, parts, sentence, turning

ROOT = Path(__file__).resolve().parent.parent.parent
CPUS = 2
METRICS = {
    "latency": "Round trip, p50: lower is better",
    "throughput": "Throughput, messages per second, one producer and one consumer: higher is better",
}
ASKED = "C29"  # Pipe outperforms Queue
MANY = 1 << 20  # so many producers or consumers means any number

_PART = re.compile(
    r"(?P<open><!-- generated: (?P<name>[^>]*?) -->\n)(?P<body>.*?)(?P<close><!-- /generated -->)",
    re.DOTALL,
)


def reference_run(root: Path = ROOT) -> RunDir:
    """The newest run folder under results/reference/ from a machine of CPUS CPUs. Raises ReadmeError, RunDirError."""
    folder = root / "results" / "reference"
    for path in run_folders(folder):
        if RunDir(path).environment().get("machine", {}).get("cpus") == CPUS:
            return RunDir(path)
    raise ReadmeError(
        f"{folder}: no run folder of a machine with {CPUS} CPUs; results/README.md says how to record one"
    )


def headline(run: RunDir) -> str:
    """Tables of summary.csv at SIZES: a metric and placement each, a row a backend, bytes and objects apart."""
    plan, environment = run.plan(), run.environment()
    only = f" --only '{plan['only']}'" if plan.get("only") else ""
    seed = f" --seed {plan['seed']}" if "seed" in plan else ""
    commit = str((environment.get("build") or {}).get("commit") or "")[:12]
    checkout = f"git checkout {commit} && " if commit else ""
    out = [
        f"Median over {plan.get('blocks', 'several')} process runs [its interval of at least 95 %], and how many times "
        "the bare operation that is (`x`): for a round trip the wake-ups of a futex, or of a bare cache line for what "
        "spins; for a message copying its bytes once.",
        f"Machine: {machine_text(environment)}. Measured {str(environment.get('start', ''))[:10]}, run "
        f"[{run.path.name}](results/reference/{run.path.name}/), again by "
        f"`{checkout}tools/run --profile {plan.get('profile', 'full')}{only}{seed}`. Its warnings: {warnings(environment)}.",
        "",
        "<details><summary>All backends</summary>",
        "",
    ]
    rows = [row for row in run.summary() if row["bytes"] in SIZES and row["backend"] != "null"]
    skipped = [row for row in run.skipped() if row["bytes"] in SIZES and row["backend"] != "null"]
    for metric, title in METRICS.items():
        for placement, where in PLACEMENTS.items():
            chosen, missing = (
                [
                    row
                    for row in of
                    if row["question"] in (f"pipe_{metric}", f"queue_{metric}")
                    and row["placement"] == placement
                    and crowd_of(row) == PAIR
                ]
                for of in (rows, skipped)
            )
            if chosen:
                lines = _headline_table(chosen, plan.get("wait_class", {}))
                out += [f"**{title} ({placement}: {where})**", "", lines, ""]
                out += [not_measured(missing), ""] if missing else []
    return "\n".join(out) + "\n</details>\n"


def _headline_table(rows: Sequence[Mapping[str, Any]], wait_class: Mapping[str, str]) -> str:
    lines: dict[tuple[str, str, str], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        family = row["question"].split("_")[0]
        moves = f"objects ({row['codec']})" if row["codec"] else "bytes"
        if row["op"]:
            moves += f" ({row['op']})"
        lines.setdefault((moves, family, row["backend"]), {})[row["bytes"]] = row
    sizes = [size for size in SIZES if any(size in cells for cells in lines.values())]
    head = ["backend", "family", "waits", "moves", *map(bytes_text, sizes)]
    body = [
        [f"`{backend}`", family, wait_class.get(backend, ""), moves]
        + [median_cell(cells.get(size)) for size in sizes]
        for (moves, family, backend), cells in sorted(lines.items())
    ]
    return table(head, body, map(bytes_text, sizes))


def targets(run: RunDir) -> str:
    """The project's own claims, as the newest runs under results/targets/, shared/, idle/, process/ and manager/ decide
    them. Raises ReadmeError."""
    said, rows, captions = [], [], []
    for folder in ("targets", "shared", "idle", "process", "manager"):
        run_there = newest(run.path.parent.parent / folder)
        ours = [judged for judged in claims.judge(run_there) if judged.claim.source == OURS]
        said += [
            f"- {judged.claim.id}: {judged.claim.sentence.removeprefix('Target: ')}"
            for judged in ours
        ]
        for judged in ours:
            apart = _telling(judged.cells)
            rows += [_target(judged, cell, apart) for cell in judged.cells]
        ids = ", ".join(dict.fromkeys(judged.claim.id for judged in ours))
        captions.append(f"- {ids}: {caption(run_there, 'verdicts.md')}")
    head = ["", "the first against the second", "wanted", "is", "verdict"]
    ending = "Medians of ratios of paired blocks, above 1 where the first is better [their intervals], of these runs:\n\n"
    ending += "\n".join(captions)
    return "\n".join(said) + f"\n\n{table(head, rows)}\n\n{ending}\n"


def _telling(cells: Sequence[Cell]) -> list[str]:
    """The keys that tell the cells apart where their pairs and metrics do not."""
    pairs = [(cell.keys["pair"], cell.keys["metric"]) for cell in cells]
    if len(pairs) == len(set(pairs)):
        return []
    names = dict.fromkeys(key for cell in cells for key in cell.keys)
    of = {name: {cell.keys.get(name) for cell in cells} for name in names}
    return [name for name in names if len(of[name]) > 1 and name not in ("pair", "metric")]


def _target(judged: Verdict, cell: Cell, apart: Sequence[str]) -> list[str]:
    ratio = cell.ratio
    known = ((name, cell.keys[name]) for name in apart if cell.keys.get(name) is not None)
    said = (bytes_text(key) if name == "bytes" else str(key) for name, key in known)
    where = "".join(f", {text}" for text in said)
    low, high = (digits(end) if end is not None else "" for end in (ratio.low, ratio.high))
    return [
        judged.claim.id,
        f"{cell.keys['pair']}: {cell.keys['metric']}{where}",
        f"{judged.claim.at_least:.3g}",
        f"{digits(ratio.median)} [{low}, {high}]",
        cell.verdict,
    ]


def verdict(run: RunDir) -> str:
    """The verdicts of the run but for those on shared values and processes: a sentence each; one for each pair folded away."""
    out, folded = [], []
    for judged in claims.judge(run):
        if judged.claim.source == OURS or is_about(judged.claim, {*OTHERS, *ABOUT}):
            continue
        out += [f"- **{sentence(judged)}**", *(f"  - {note}" for note in judged.notes)]
        folded.append(f"- {judged.claim.sentence} ({judged.language or judged.claim.id})")
        for cells in parts(judged):
            turns = "".join(f"; crossover {turn}: {where}" for turn, where in turning(cells))
            folded.append(f"  - {part_title(cells)}{turns}")
    out += ["", "<details><summary>Pair by pair</summary>", "", *folded, "", "</details>"]
    out += [
        "",
        f"[Every cell](results/reference/{run.path.name}/verdicts.md) with its medians, interval and the command that "
        "measures it again.",
    ]
    return "\n".join(out) + "\n"


def answer(run: RunDir) -> str:
    """The verdicts on the claim that tools/run asks about without options, a sentence each."""
    asked = [judged for judged in claims.judge(run) if judged.claim.id == ASKED]
    return "".join(f"- {sentence(judged)}\n" for judged in asked)


def facts(run: RunDir) -> str:
    """What is said and decided by trying it, and what numbers say of the same: claims with a fact's id and a letter.
    Raises ClaimError."""
    rows, ids = [], []
    for fact in load_facts():
        said = {verdict.language: verdict.said for verdict in fact.verdicts}
        rows.append([fact.id, fact.sentence, said.get("CPython", ""), said.get("C++", "")])
        ids.append(fact.id)
    measured = [
        f"- {judged.claim.id}: {sentence(judged)} ([verdicts](results/reference/{run.path.name}/verdicts.md))"
        for judged in claims.judge(run)
        if judged.claim.id[:-1] in ids
    ]
    return "\n".join([table(["", "said", "CPython", "C++"], rows), "", *measured]) + "\n"


def backends(listed: Sequence[Mapping[str, Any]]) -> str:
    """What the backends promise, as the programs list it."""
    head = ["backend", "family", "how", "wait class", "longest message", "capacity in", "order"]
    head += ["who", "killed: idle / sending / receiving", "in words", "left by a crash", "needs"]
    lines = [
        [
            f"`{backend['name']}`",
            backend["family"],
            backend["summary"],
            backend["wait_class"],
            longest(backend),
            backend["capacity"],
            backend["order"],
            _peers(backend),
            _killed(backend),
            backend["on_kill"],
            backend["leftovers"],
            backend["needs"],
        ]
        for backend in sorted(listed, key=lambda b: (b["family"], b["name"]))
        if backend["family"] in ("pipe", "queue")
    ]
    shown = [i for i, _ in enumerate(head) if any(line[i] for line in lines)]
    return table([head[i] for i in shown], [[line[i] for i in shown] for line in lines]) + "\n"


def _killed(backend: Mapping[str, Any]) -> str:
    """What the others notice of a kill in each state, and of one at another instant where that is worse or an error."""
    outcomes = dict(backend.get("killed") or {})
    inside = outcomes.pop("inside", "nothing")
    seen = " / ".join(outcomes.values())
    if inside == "nothing":
        return seen
    milder = inside == "error" and {"loss", "time-out", "hang"} & set(outcomes.values())
    return f"{seen}; inside a call also {inside}" if milder else f"{seen}; at worst {inside}"


def _peers(backend: Mapping[str, Any]) -> str:
    """Producers x consumers of a queue; who may use a side of a pipe."""
    if backend["family"] == "pipe":
        holders = "any who hold a side" if backend.get("passes_on", True) else "one process a side"
        return holders + (" or get it sent" if backend.get("sendable") else "")
    return f"{_many(backend['producers'])} x {_many(backend['consumers'])}"


def _many(number: int) -> str:
    return "any" if number >= MANY else str(number)


def measurement(run: RunDir) -> str:
    """How good the measurement is, as tools/quality found it beside the run. Raises ReadmeError."""
    path = run.path / "quality.json"
    try:
        return quality.render(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadmeError(f"{path}: {error}; make it with tools/quality --out {path}") from None


def figures(run: RunDir) -> str:
    """The figures that README shows, of those that the run has; the others are linked to."""
    shown = {
        "latency_by_size": "Round trip by size",
        "throughput_by_size": "Throughput by size",
    }
    folder = f"results/reference/{run.path.name}/plots"
    found = [name for name in shown if (run.path / "plots" / f"{name}.png").exists()]
    out = [f"![{shown[name]}]({folder}/{name}.png)\n" for name in found]
    linked = {
        "ranking_of_round_trips_64B": "all round trips at 64 B, the best on top",
        "ranking_of_throughput_64B": "all throughputs",
        "round_trips_of_each_pipe": "round trips of each pipe",
        "round_trips_of_each_queue": "and queue",
        "throughput_of_each_pipe": "throughput of each pipe",
        "throughput_of_each_queue": "and queue",
        "bandwidth_by_size": "bytes per second",
    }
    more = [
        f"[{text}]({folder}/{name}.png)"
        for name, text in linked.items()
        if (run.path / "plots" / f"{name}.png").exists()
    ]
    for path in run_folders(run.path.parent.parent / "tails")[:1]:
        if (path / "plots" / "percentiles_64B.png").exists():  # of a run with its histograms
            more.append(f"[the tails](results/tails/{path.name}/plots/percentiles_64B.png)")
    if more:
        out.append(f"More: {', '.join(more)}.\n")
    return "\n".join(out)


BACKENDS = "backends"
SHARED = "shared"  # memories and locks
WAYS = "ways"  # to have something done
SERVERS = "servers"  # of managers, and how they are reached
PARTS: dict[str, Callable[[RunDir], str]] = {
    "answer": answer,
    "fastest": fastest,
    "many-core": many_core,
    "headline": headline,
    "crowds": crowds,
    "verdict": verdict,
    "targets": targets,
    "shared-values": shared_values,
    "huge": huge,
    "waiting": waiting,
    "processes": processes,
    "managers": managers,
    SERVERS: lambda _: "",
    WAYS: lambda _: "",
    "facts": facts,
    BACKENDS: lambda _: "",  # of no run: see update
    SHARED: lambda _: "",
    "quality": measurement,
    "figures": figures,
}


def names(text: str) -> list[str]:
    """The generated parts of a README in their order. Raises ReadmeError when a mark is wrong."""
    found = [match["name"] for match in _PART.finditer(text)]
    known = ", ".join(PARTS)
    for name in found:
        if name not in PARTS:
            raise ReadmeError(f"README.md: no generated part is called '{name}'; there are {known}")
    if text.count("<!-- generated:") != len(found) or text.count("<!-- /generated -->") != len(
        found
    ):
        raise ReadmeError(
            "README.md: a generated part is not closed, or closed twice; it stands between lines "
            "<!-- generated: NAME --> and <!-- /generated -->"
        )
    if not found:
        raise ReadmeError(f"README.md: no line <!-- generated: NAME -->; names are {known}")
    return found


def rewrite(text: str, bodies: Mapping[str, str]) -> str:
    """`text` with the body of each generated part replaced."""
    return _PART.sub(lambda m: m["open"] + bodies[m["name"]] + m["close"], text)


def difference(old: str, new: str) -> Iterable[str]:
    """Lines of a unified diff from what README.md says to what the reference run gives."""
    return difflib.unified_diff(
        old.splitlines(), new.splitlines(), "README.md", "reference run", lineterm="", n=1
    )


def update(root: Path, check: bool, listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rewrites README.md, or only compares when `check`; the differences, [] when there are none.

    `listed`: the backends as the programs list them; a new one does not wait for the next reference run.

    Raises ReadmeError, RunDirError, ClaimError and OSError.
    """
    path = root / "README.md"
    old = path.read_text(encoding="utf-8")
    wanted = names(old)
    run = reference_run(root)
    bodies = {name: PARTS[name](run) for name in dict.fromkeys(wanted)}
    of_programs = {BACKENDS: backends, SHARED: shared, WAYS: ways, SERVERS: servers}
    new = rewrite(old, bodies | {name: made(listed) for name, made in of_programs.items()})
    if new != old and not check:
        write_text(path, new)
    return list(difference(old, new))
