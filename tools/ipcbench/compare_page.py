# SPDX-License-Identifier: MIT
"""A comparison as Markdown: the answer in one sentence, what makes it doubtful, the series that changed, the rest counted.

At the end all of them, folded.
"""

from __future__ import annotations

from collections.abc import Sequence

from .compare import (
    CONFIDENCE,
    EXCLUDED,
    FAILED_IN_NEW,
    FASTER,
    FEW,
    LEVEL,
    OPEN,
    SLOWER,
    SMALL,
    Change,
    Comparison,
)
from .compare_input import Side
from .tables import digits, quantity
from .verdict_page import machine_text, table

SHOWN_NOISY = 5


def headline(comparison: Comparison) -> str:
    """The answer in one sentence."""
    slower, few = comparison.of(SLOWER), comparison.of(FEW)
    if slower:
        worst = _percent(max(change.ratio.estimate for change in slower))
        of = f"{len(slower)} of {_series(len(comparison.changes))}"
        text = f"NEW is slower in {of}, by up to {worst}"
    elif not comparison.tested:
        return (
            f"No verdict: it takes {comparison.least} process runs of each series on both sides, for "
            f"{_series(len(few))}; these have {_runs(few)}"
        )
    else:
        text = (
            f"No slow-down over {_threshold(comparison)} confirmed in {_series(comparison.tested)}"
        )
    if few:
        text += f"; {len(few)} more {'has' if len(few) == 1 else 'have'} too few runs for a verdict"
    if broken := sum(where == FAILED_IN_NEW for where in comparison.alone.values()):
        text += f"; {broken} series failed in NEW and not in BASE"
    return text


def document(comparison: Comparison) -> str:
    """The whole page."""
    slower, faster, few = (comparison.of(verdict) for verdict in (SLOWER, FASTER, FEW))
    out = [f"# {headline(comparison)}", ""]
    out += [f"- BASE: {_side(comparison.base)}", f"- NEW: {_side(comparison.new)}"]
    if machine := _machine(comparison.new):
        out.append(f"- Machine: {machine}")
    out += [f"- Warning: {warning}" for warning in comparison.warnings]
    if slower:
        out += ["", f"## Slower: {len(slower)}", "", _changes(slower)]
    if faster:
        out += ["", f"## Faster: {len(faster)}", "", _changes(faster[::-1])]
    if few:
        rows = [[f"`{c.series}`", *map(str, c.runs), str(comparison.least)] for c in few]
        head = ["series", "runs of BASE", "of NEW", "a verdict takes, of each"]
        out += ["", f"## Too few runs: {len(few)}", "", table(head, rows, head[1:])]
    if comparison.alone:
        rows = [[f"`{series}`", where] for series, where in comparison.alone.items()]
        out += ["", f"## Not compared: {len(rows)}", "", table(["series", "why"], rows)]
    return "\n".join(
        [*out, "", *_rest(comparison), _method(comparison), "", *_all(comparison.changes), ""]
    )


def _changes(changes: Sequence[Change]) -> str:
    """A table of these, the worst first."""
    numbers = ["BASE", "NEW", "time NEW / BASE", f"{100 * CONFIDENCE:g} % interval", "p", "runs"]
    rows = []
    for change in sorted(changes, key=lambda change: -change.ratio.estimate):
        divisor, unit = quantity(change.base, change.unit)
        medians = [f"{digits(value / divisor)} {unit}" for value in (change.base, change.new)]
        runs = " + ".join(map(str, change.runs))
        ratio = digits(change.ratio.estimate)
        rows.append([f"`{change.series}`", *medians, ratio, _interval(change), _p(change.p), runs])
    return table(["series", *numbers], rows, numbers)


def _rest(comparison: Comparison) -> list[str]:
    """What became of the series that are in no table above."""
    excluded, small, noisy = (comparison.of(verdict) for verdict in (EXCLUDED, SMALL, OPEN))
    threshold = _threshold(comparison)
    out = []
    if excluded or small or noisy:
        out.append(f"The other {_series(len(excluded) + len(small) + len(noisy))}:")
    if excluded:
        out.append(f"- {len(excluded)}: a slow-down over {threshold} is excluded by the interval.")
    if small:
        out.append(f"- {len(small)}: changed, but by an estimate of less than {threshold}.")
    if noisy:
        worst = sorted(noisy, key=lambda change: -change.ratio.high)[:SHOWN_NOISY]
        names = "; ".join(f"`{change.series}` {_interval(change)}" for change in worst)
        more = "; ..." if len(noisy) > len(worst) else ""
        out.append(
            f"- {len(noisy)}: no change shown, but the interval reaches beyond {threshold}; more runs would narrow it: "
            f"{names}{more}."
        )
    return [*out, ""] if out else []


def _method(comparison: Comparison) -> str:
    return (
        "The ratio is one of times, so above 1 is slower, also for a throughput; it is estimated over all pairs of a "
        "process run of BASE and one of NEW (Hodges-Lehmann). Slower (faster): the ratio is beyond "
        f"{_threshold(comparison)}, and p, of an exact rank test corrected for {comparison.tested} series (Holm), is at "
        f"most {LEVEL:g}. Where nothing changed, and both sides had the same machine all the time, one comparison in "
        f"{1 / LEVEL:.0f} at most says otherwise of any series. Intervals are of each series alone."
    )


def _all(changes: Sequence[Change]) -> list[str]:
    """Every series that both sides measured, in the order for people: a table that is folded."""
    numbers = ["time NEW / BASE", f"{100 * CONFIDENCE:g} % interval", "p, corrected"]
    rows = [
        [f"`{c.series}`", digits(c.ratio.estimate), _interval(c), _p(c.p), c.verdict]
        for c in changes
    ]
    return [
        f"<details><summary>All series that both sides measured: {len(rows)}</summary>",
        "",
        table(["series", *numbers, "verdict"], rows, numbers),
        "",
        "</details>",
    ]


def _side(side: Side) -> str:
    """'`name`, commit 0123abc, release', or how many run folders there are of it."""
    first = side.sources[0]
    names = f"`{first.name}`"
    if len(side.sources) > 1:
        names = f"{len(side.sources)} run folders, `{first.name}` to `{side.sources[-1].name}`"
    facts = [names]
    for source in side.sources:
        build = source.environment.get("build") or {}
        if commit := (build.get("commit") or "")[:12]:
            facts.append(f"commit {commit}{' with local changes' if build.get('dirty') else ''}")
    facts += [source.build_type for source in side.sources if source.build_type]
    return ", ".join(dict.fromkeys(facts))


def _machine(side: Side) -> str:
    environment = side.sources[0].environment
    return (
        machine_text({k: environment.get(k) for k in ("machine", "system")}) if environment else ""
    )


def _series(number: int) -> str:
    return "the one series" if number == 1 else f"{number} series"


def _runs(few: Sequence[Change]) -> str:
    counts = [number for change in few for number in change.runs]
    return " to ".join(dict.fromkeys(map(str, (min(counts), max(counts)))))


def _threshold(comparison: Comparison) -> str:
    return f"{100 * comparison.threshold:.4g} %"


def _percent(ratio: float) -> str:
    return f"{digits(100 * (ratio - 1))} %"


def _interval(change: Change) -> str:
    if change.ratio.low is None or change.ratio.high is None:
        return ""
    return f"{digits(change.ratio.low)}-{digits(change.ratio.high)}"


def _p(p: float | None) -> str:
    return "" if p is None else f"{p:.2g}" if p >= 0.001 else "< 0.001"
