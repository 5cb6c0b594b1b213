# SPDX-License-Identifier: MIT
"""verdicts.md: every cell with its raw medians, ratio and interval, what makes the comparison fair, and the commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .rundir import RunDir
from .series import FLOOR
from .summary import family_of, median_switches, series_of
from .tables import bytes_text, digits, quantity
from .verdict import SIZE, UNDECIDED, Cell, Verdict
from .verdict_text import (
    cell_words,
    interval_text,
    part_names,
    part_title,
    parts,
    ratio_text,
    sentence,
    turning,
)

NEAR_FACTOR = 4  # times as many blocks for a cell that is too near the margin for an estimate
SAME_TOUCH = (  # where messages are carried
    "Same work on both sides: producers write and consumers read every byte of every message, the same "
    "placement, in the same blocks, the same number of messages a batch (more for a side whose batch would fit into its "
    "transport at once, for that is no stream, or would be shorter than the profile's batch_ms); loss, duplication or a dead process is a failed run, not a number."
)
SAME_WORK = (  # where only processes are started, or given work
    "Same conditions on both sides: the same placement, in the same blocks. A message is one operation: a start and its end, a task, "
    "all the tasks of a pool with its making and end, a turn. Sides of one question, language and number of workers have the same number of them a batch (more where a batch would "
    "be too short), others a number of their own; a dead process is a failed run, not a number."
)


def pattern(names: Iterable[str]) -> str:
    """A regular expression that matches exactly these series; what their names end in alike is written once."""
    split = [name.split("/") for name in sorted(set(names))]
    tail: list[str] = []
    while len(split) > 1 and len({parts[-1] for parts in split}) == 1:
        tail.insert(0, split[0][-1])
        split = [parts[:-1] for parts in split]
    heads = "|".join(re.escape("/".join(parts)) for parts in split)
    end = "".join("/" + re.escape(part) for part in tail)
    return f"^({heads}){end}$" if len(split) > 1 else f"^{heads}$"


def repeat_cell(verdict: Verdict, cell: Cell) -> str:
    """The command that measures this cell again, with as many blocks as a decision takes."""
    blocks = max(verdict.blocks, verdict.least, cell.wanted)
    if cell.verdict == UNDECIDED and cell.more is None:
        blocks *= NEAR_FACTOR
    return _command(verdict, pattern((cell.x, cell.y)), blocks)


def repeat_all(verdict: Verdict) -> str:
    """The command that measures all cells again, and what else the profile asks of their backends."""
    names = {"/".join(name.split("/")[:2]) for cell in verdict.cells for name in (cell.x, cell.y)}
    regex = f"^({'|'.join(map(re.escape, sorted(names)))})/"
    return _command(verdict, regex, max(verdict.blocks, verdict.wanted))


def _command(verdict: Verdict, regex: str, blocks: int) -> str:
    return f"tools/run --profile {verdict.profile} --only '{regex}' --blocks {blocks}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = ()) -> str:
    """A Markdown table; columns named in `right` are flushed right."""
    right = set(right)
    lines = [head, ["---:" if name in right else "---" for name in head], *rows]
    escape = lambda text: text.replace("|", "\\|")  # noqa: E731
    return "\n".join(f"| {' | '.join(map(escape, line))} |" for line in lines)


def machine_text(environment: Mapping[str, Any]) -> str:
    """One line: the machine, its system and the build; what environment.json does not say is left out."""
    machine, system, build = (environment.get(k) or {} for k in ("machine", "system", "build"))
    commit = (build.get("commit") or "")[:12]
    facts = [
        f"{machine['cpus']} CPUs" if machine.get("cpus") else None,
        machine.get("cpu_model"),
        machine.get("hypervisor"),
        f"{machine['memory_gib']} GiB" if machine.get("memory_gib") else None,
        system.get("os"),
        f"Linux {system['kernel']}" if system.get("kernel") else None,
        f"Python {system['python']}" if system.get("python") else None,
        build.get("compiler"),
        build.get("build_type"),
        f"commit {commit}{' with local changes' if build.get('dirty') else ''}" if commit else None,
    ]
    return ", ".join(fact for fact in facts if fact) or "not recorded"


def document(run: RunDir, verdicts: Sequence[Verdict]) -> str:
    """All of verdicts.md."""
    plan, environment = run.plan(), run.environment()
    conditions = [
        f"profile {plan['profile']}" if "profile" in plan else None,
        f"{plan['blocks']} blocks" if "blocks" in plan else None,
        f"{plan['batches']} batches a process run" if "batches" in plan else None,
        f"seed {plan['seed']}" if "seed" in plan else None,
        f"started {environment['start']}" if environment.get("start") else None,
    ]
    out = [f"# Verdicts of {run.path.resolve().name}", "", f"Machine: {machine_text(environment)}."]
    if any(conditions):
        out += ["", f"Conditions: {', '.join(c for c in conditions if c)}."]
    out += [f"- Warning: {warning}" for warning in environment.get("noise") or ()]
    sides = {name for verdict in verdicts for cell in verdict.cells for name in (cell.x, cell.y)}
    out += ["", SAME_WORK if sides and _only_work(sides) else SAME_TOUCH, ""]
    if not verdicts:
        out += ["No claim judged: the run has not measured both sides of any of their cells.", ""]
    rows = run.runs()
    for verdict in verdicts:
        out += _section(verdict, rows, plan, environment)
    return "\n".join(out)


def _section(
    verdict: Verdict,
    rows: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> list[str]:
    claim = verdict.claim
    out = [f"## {sentence(verdict)}", "", f"{claim.id} ({claim.source})."]
    asked = f"Each interval has at least {100 * verdict.cell_confidence:.4g} %"
    wrong = 100 * (1 - claim.confidence)
    if claim.same:
        out[-1] += (
            f" Holds: the whole interval is inside 1/{claim.bound:.4g} to {claim.bound:.4g}. Fails: it is outside"
            f"{'' if claim.pairs else ', or misses 1'}. {asked}, so that all of them together have "
            f"{100 * claim.confidence:.4g} %; that takes {verdict.least} blocks."
        )
    else:
        tags = f" (equivalent inside 1/{claim.bound:.4g} to {claim.bound:.4g}, reversed below that)"
        out[-1] += (
            f" The ratio is above 1 where X is better. Holds: the whole interval is above {claim.bound:.4g}. "
            f"Fails: it is below{tags if claim.at_least is None else ''}."
        )
        out[-1] += (
            f" {asked}, so that of the cells that hold or fail at most {wrong:.3g} % are expected to be wrong "
            f"(Benjamini-Hochberg); that takes {verdict.least} blocks."
        )
    out += ["", *(f"- {note[0].upper()}{note[1:]}." for note in verdict.notes), ""]
    notes = {pair.name: pair.note for pair in claim.pairs}
    for cells in parts(verdict):
        out += [f"### {part_title(cells)}", ""]
        if note := notes.get(cells[0].keys.get("pair", "")):
            out += [f"{note[0].upper()}{note[1:]}.", ""]
        out += [f"Crossover {turn}: {where}.\n" for turn, where in turning(cells)]
        out += [_cells(cells), ""]
    out += ["### Fairness", "", _fairness(verdict, rows, plan, environment), ""]
    out += ["### Again", ""]
    out += [
        "Of fewer series each has more time: its batches can be longer than they were here.",
        "",
    ]
    out += ["```sh", "# all of it", repeat_all(verdict)]
    for cells in parts(verdict):
        for cell in cells:
            where = [part_names(cell)[-1], *map(str, _labels(cell).values())]
            out += [f"# {', '.join(where)}: {cell_words(cell)}", repeat_cell(verdict, cell)]
    return [*out, "```", ""]


def _labels(cell: Cell) -> dict[str, str]:
    """The keys of a row: all but the pair and the codec, which the heading has."""
    labels = {k: str(v) for k, v in cell.keys.items() if k not in ("pair", "objects", SIZE)}
    return labels | ({SIZE: bytes_text(cell.keys[SIZE])} if SIZE in cell.keys else {})


def _cells(cells: Sequence[Cell]) -> str:
    labels = list(dict.fromkeys(key for cell in cells for key in _labels(cell)))
    numbers = ["X median", "Y median", "ratio", "interval", "blocks"]
    head = [*labels, "X", *numbers[:1], "Y", *numbers[1:], "verdict"]
    lines = []
    for cell in cells:
        line = [_labels(cell).get(label, "") for label in labels]
        line += [_backend(cell.x), _value(cell.x_median, cell.column)]
        line += [_backend(cell.y), _value(cell.y_median, cell.column)]
        interval = interval_text(cell)
        if interval:
            interval += f" ({100 * cell.ratio.confidence:.4g} %)"
        lines.append([*line, ratio_text(cell), interval, str(cell.ratio.n), cell_words(cell)])
    return table(head, lines, (*numbers, SIZE))


def _backend(series: str) -> str:
    return f"`{_name(series)}`"


def _value(value: float | None, column: str) -> str:
    if value is None:
        return ""
    divisor, unit = quantity(value, "ns" if "_ns" in column else "1/s")
    return f"{digits(value / divisor)} {unit}"


def _fairness(
    verdict: Verdict,
    rows: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> str:
    """What the sides promise: one row a backend, from the programs' own lists and from what was achieved."""
    series = {name for cell in verdict.cells for name in (cell.x, cell.y)}
    measured = series_of((row for row in rows if row["series"] in series), "ok")
    listed = plan.get("backends") or environment.get("backends") or []
    traits = {(backend["family"], backend["name"]): backend for backend in listed}
    lines = []
    for name, family in sorted({(_name(s), _family(s)) for s in series}):
        own = [s for s in sorted(series) if (_name(s), _family(s)) == (name, family)]
        runs = [row for s in own for row in measured.get(s, ())]
        own_traits = _traits(name, family, traits)
        carried = family in ("pipe", "queue") and all(
            one.get("transports", True) for one in own_traits
        )
        promised = {"order": "", "on_kill": ""}
        for trait in promised:
            promised[trait] = "; ".join(dict.fromkeys(t[trait] for t in own_traits if t.get(trait)))
        lines.append(
            [
                f"`{name}`",
                family,
                plan.get("wait_class", {}).get(name) or "",
                _range(runs, "asked_capacity_bytes") if carried else "",
                _range(runs, "capacity_bytes") if carried else "",
                promised["order"] if carried else "",
                promised["on_kill"],
                _switches([measured.get(s, ()) for s in own]) if _only_work(series) else "",
            ]
        )
    head = [
        "backend",
        "family",
        "wait class",
        "capacity asked",
        "achieved",
        "order",
        "when a process is killed",
        "context switches a message",
    ]
    empty = [i for i in range(len(head)) if not any(line[i] for line in lines)]
    keep = [i for i in range(len(head)) if i not in empty]
    return table([head[i] for i in keep], [[line[i] for i in keep] for line in lines])


def _name(series: str) -> str:
    return series.split("/")[1]


def _family(series: str) -> str:
    return family_of(series.split("/")[0])


def _only_work(series: Iterable[str]) -> bool:
    """Whether they carry nothing and share nothing: processes that are started, or given work, and floors."""
    return {_family(name) for name in series} <= {"process", FLOOR}


def _traits(
    name: str, family: str, traits: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The traits of a backend; those of the memory and of the lock where the name is 'memory+lock'."""
    keys = [(family, name)]
    if family == "shared" and "+" in name:
        keys = list(zip(("memory", "lock"), name.split("+")))
    return [traits[key] for key in keys if key in traits]


def _switches(series: Iterable[Sequence[Mapping[str, Any]]]) -> str:
    """The median of each series, from the least to the most."""
    medians = sorted(n for rows in series if (n := median_switches(rows)) is not None)
    return " to ".join(dict.fromkeys(digits(n) for n in medians[:1] + medians[-1:]))


def _range(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    values = sorted({row[column] for row in rows if row[column] is not None})
    if not values:
        return ""
    ends = dict.fromkeys((bytes_text(int(values[0])), bytes_text(int(values[-1]))))
    return " to ".join(ends)
