# SPDX-License-Identifier: MIT
"""tools/run: build, list, calibrate, measure, then write and show what came out. tools/run has the usage.

Exit: 0, 1 when the programs cannot be built or do not answer, 2 wrong usage or a folder that cannot be used, 3 when
rows failed, 128 + number after a signal (what was finished is kept).
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from . import environment, measure, tables
from .child import Interrupted, Stop
from .claim_data import ClaimError, load_claims
from .launch import ProgramError
from .options import Usage, check_writable, parse_arguments, profile_named
from .plan import PROFILES, PlanError, Profile, load_profiles, select, split
from .programs import BUILD, ROOT, Catalogue, build, find_programs, fingerprint, list_all
from .progress import duration
from .rundir import SCHEMA, RunDir, RunDirError

DEFAULT_PROFILE = "quick"
DEFAULT_OUT = ROOT / "results" / "runs"
RESUME_MIB = 16  # at least


def new_folder(out: Path, commit: str | None, machine8: str) -> Path:
    """Makes `<utc>_<commit12>_<machine8>`; a second run within the same second waits for the next."""
    while True:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        folder = out / f"{stamp}_{(commit or 12 * '0')[:12]}_{machine8}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            time.sleep(0.2)


def identity(facts: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """What must be the same in all parts of one run."""
    return {
        "schema": SCHEMA,
        "machine8": facts["machine"]["machine8"],
        "kernel": facts["system"]["kernel"],
        "commit": facts["build"]["commit"],
        "programs": fingerprint(catalogue.programs),
    }


def start(
    options: argparse.Namespace,
    profile: Profile,
    catalogue: Catalogue,
    stop: Stop,
    console: Console,
) -> tuple[RunDir, dict[str, Any]]:
    """Calibrates, and makes the run folder with its plan. Raises PlanError, Interrupted."""
    taken = select(catalogue.series, profile, options.only)
    blocks = options.blocks or profile.blocks
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    runnable, skipped = split(taken)
    aa = [name for name in profile.aa if name in {entry.series.name for entry in runnable}]
    launches = (len(runnable) + len(aa)) * blocks
    at_most = duration(
        sum(map(measure.calibration_seconds, runnable))
        + profile.budget_seconds
        + measure.AROUND_SECONDS * launches
    )
    console.print(
        f"profile {profile.name}: {len(runnable)} series ({len(skipped)} more skipped) x {blocks} blocks = "
        f"{launches} process runs, seed {seed}; about {at_most} at most",
        soft_wrap=True,
    )
    facts = environment.capture(ROOT, BUILD)
    for warning in environment.start_noise(facts):
        console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)
    calibrated = measure.calibrate(runnable, catalogue.programs, profile, seed, stop, console)
    if stop.signum is not None:
        raise Interrupted
    plan = measure.make_plan(runnable, aa, calibrated, profile, blocks, seed)
    path = new_folder(
        options.out or DEFAULT_OUT, facts["build"]["commit"], facts["machine"]["machine8"]
    )
    rundir = RunDir(path)
    plan = {"run": path.name, "only": options.only, **plan, **identity(facts, catalogue)}
    plan["wait_class"] = catalogue.wait_class
    plan["backends"] = catalogue.backends
    rundir.write_environment({**facts, "seed": seed, "end": None, "noise": []})
    rundir.write_plan(plan)
    measure.write_beginning(rundir, path.name, skipped, calibrated.failures)
    return rundir, plan


def resume(path: Path, catalogue: Catalogue) -> tuple[RunDir, dict[str, Any]]:
    """Opens a partial run. Raises RunDirError when it cannot be continued with these programs on this machine."""
    rundir = RunDir(path)
    plan = rundir.plan()
    now = identity(environment.capture(ROOT, BUILD), catalogue)
    for field, value in now.items():
        if plan.get(field) != value:
            raise RunDirError(
                f"--resume {path}: measured with {field} {plan.get(field)}, but here it is {value}. A run continues "
                "only on the same machine with the same build; start a new one instead"
            )
    rundir.mend()
    return rundir, plan


def resume_mib(rundir: RunDir, profiles: Mapping[str, Profile]) -> int:
    """The share of the profile's disk space that the rest of a partial run may take."""
    plan = rundir.plan()
    left = len(measure.pending(plan, rundir.runs())) / (len(plan["cells"]) * plan["blocks"])
    whole = profiles[plan["profile"]].disk_mib if plan.get("profile") in profiles else 0
    return max(RESUME_MIB, round(whole * left))


@contextmanager
def folder_faults(said: Callable[[OSError], str]) -> Iterator[None]:
    """A fault of the disk as a RunDirError that says this; who reads what we print and has enough is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunDirError(said(error)) from None


def run(
    options: argparse.Namespace,
    profiles: Mapping[str, Profile],
    programs: Sequence[Path] | None,
    stop: Stop,
) -> int:
    """All of tools/run behind the parsing; the exit status."""
    console = tables.console()
    profile = None
    if options.resume is not None:
        if "order" not in RunDir(options.resume).plan():
            raise RunDirError(f"--resume {options.resume}: no run folder with a plan.json")
        check_writable("--resume", options.resume, RESUME_MIB)
    elif options.profile is not None or not options.list:
        profile = profile_named(profiles, options.profile or DEFAULT_PROFILE)
    if profile is not None and not options.list:
        check_writable("--out", options.out or DEFAULT_OUT, profile.disk_mib)
    if programs is None:
        build(stop, tables.console(stderr=True) if options.list else console)
        programs = find_programs()
    catalogue = list_all(programs, stop)
    if options.list:
        for entry in select(catalogue.series, profile, options.only):
            print(entry.series.name + (f"  (skipped: {entry.skip})" if entry.skip else ""))
        return 0
    if profile is None:
        rundir, plan = resume(options.resume, catalogue)
        check_writable("--resume", options.resume, resume_mib(rundir, profiles))
        console.print(f"{len(measure.pending(plan, rundir.runs()))} process runs remain")
    else:
        with folder_faults(lambda error: f"before anything was measured: {error}"):
            rundir, plan = start(options, profile, catalogue, stop, console)
        console.print(f"measuring takes about {duration(plan['estimate_seconds'])}")
        if plan["estimate_seconds"] > 1.1 * profile.budget_seconds:
            console.print(
                f"that is over the {duration(profile.budget_seconds)} of the profile: measure less (--only) or fewer blocks"
            )
    again = f"finished runs are kept, continue with tools/run --resume {rundir.path}"
    with folder_faults(lambda error: f"{rundir.path}: {error}; {again}"):
        measure.measure(rundir, plan, catalogue.programs, stop, console)
        return conclude(rundir, plan, stop, console)


def conclude(rundir: RunDir, plan: dict[str, Any], stop: Stop, console: Console) -> int:
    """Writes and shows the rest; the exit status."""
    from . import report  # matplotlib loads only when nothing is measured any more

    left = len(measure.pending(plan, rundir.runs()))
    if stop.signum is not None:
        console.print("stopped; writing what was measured ...")
    report.finish(rundir, plan, complete=left == 0)
    report.show(rundir, console)
    if left:
        console.print(
            f"{signal.Signals(stop.signum).name if stop.signum else 'stopped'}: the run is partial, {left} of "
            f"{sum(len(b.split()) for b in plan['order'])} process runs remain. Continue with:\n"
            f"  tools/run --resume {rundir.path}",
            markup=False,
            soft_wrap=True,
        )
    console.print(f"run folder: {rundir.path}", markup=False, soft_wrap=True)
    if stop.signum is not None:
        return 128 + stop.signum
    return 3 if report.failures(rundir) else 0


def main(
    argv: Sequence[str], programs: Sequence[Path] | None = None, profiles: Path = PROFILES
) -> int:
    """tools/run without its set-up. `programs`: measure these instead of building and finding them."""
    with Stop() as stop:
        try:
            options = parse_arguments(argv)
            load_claims()  # a fault in it shows before anything is measured
            return run(options, load_profiles(profiles), programs, stop)
        except (Usage, PlanError, ClaimError, RunDirError) as error:
            print(f"tools/run: {error}", file=sys.stderr)
            return 2
        except Interrupted:
            print("tools/run: stopped before anything was measured", file=sys.stderr)
            return 128 + (stop.signum or signal.SIGINT)
        except ProgramError as error:
            print(f"tools/run: {error}", file=sys.stderr)
            return 1
        except BrokenPipeError:  # who reads has enough, as `tools/run --list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
