# SPDX-License-Identifier: MIT
"""The end of a run: everything in the run folder that follows from runs.csv, and what the terminal shows of it."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from . import claims, environment, gbench, measure, plots, summary, tables
from .rundir import RunDir

SHOWN_FAILURES = 10


def finish(rundir: RunDir, plan: dict[str, Any], complete: bool) -> None:
    """Writes plan.json's state, environment.json's end, summary.csv, benchmark.json, verdicts.md and the plots."""
    runs = rundir.runs()
    made = sum(row["block"] is not None for row in runs)
    rundir.write_plan({**plan, "state": "complete" if complete else "partial", "done": made})
    rows = summary.write(rundir)
    facts = rundir.environment()
    facts["end"] = environment.utc_now()
    facts["noise"] = environment.start_noise(facts) + environment.load_noise(facts)
    facts["noise"] += measure.calibration_noise(plan, runs) + summary.noise(runs, rows)
    rundir.write_environment(facts)
    gbench.write_benchmark(rundir)
    claims.write(rundir)
    plots.write(rundir)


def show(rundir: RunDir, console: Console) -> None:
    """Prints tables, verdicts, warnings and failures of a finished or partial run."""
    plan, rows = rundir.plan(), rundir.summary()
    console.print(tables.results(rows, plan["wait_class"]))
    if plan["verdict"]:
        console.print(claims.render_terminal(claims.judge(rundir)))
    else:
        console.print(
            f"No verdict: profile {plan['profile']} only tries whether everything works. "
            "tools/run --profile quick gives one.",
            style="bold",
        )
    for warning in rundir.environment()["noise"]:
        console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)
    failed = [row for row in rundir.runs() if row["status"] == "failed"]
    for row in failed[:SHOWN_FAILURES]:
        console.print(
            f"failed: {row['series']}: {row['reason']}", markup=False, style="red", soft_wrap=True
        )
    if len(failed) > SHOWN_FAILURES:
        console.print(f"failed: {len(failed) - SHOWN_FAILURES} more; runs.csv has them all")


def failures(rundir: RunDir) -> int:
    """How many process runs failed."""
    return sum(row["status"] == "failed" for row in rundir.runs())
