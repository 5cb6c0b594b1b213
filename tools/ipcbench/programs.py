# SPDX-License-Identifier: MIT
"""The benchmark programs: building the release preset, finding them, asking them what they can measure."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from .child import Interrupted, Stop, run_child
from .launch import ProgramError, list_program
from .plan import Listed, listed

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
BUILD_SECONDS = 3600.0


def build(stop: Stop, console: Console) -> None:
    """Configures and builds the release preset; what cmake says is shown only when it fails.

    Raises ProgramError, and Interrupted after a signal.
    """
    started = time.monotonic()
    console.print("building (release) ...")
    for argv in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        try:
            ended = run_child(argv, stop, BUILD_SECONDS, cwd=ROOT)
        except FileNotFoundError:
            raise ProgramError("cmake is missing; run without --no-setup to install it") from None
        if stop.signum is not None:
            raise Interrupted
        if ended.code != 0:
            raise ProgramError(f"{' '.join(argv)} failed:\n{ended.out}{ended.err}".rstrip())
    console.print(f"built in {time.monotonic() - started:.0f} s")


def find_programs(build: Path = BUILD) -> list[Path]:
    """The benchmark programs of a build, and CPython's."""
    found = sorted(p for p in build.glob("bench_*") if p.is_file() and os.access(p, os.X_OK))
    return [*found, ROOT / "bench" / "cpython" / "bench_cpython"]


@dataclass(frozen=True)
class Catalogue:
    """What the programs list: program name -> path, all series in the order for people, the backends and their traits."""

    programs: dict[str, Path]
    series: list[Listed]
    backends: list[dict[str, Any]]

    @property
    def wait_class(self) -> dict[str, str]:
        """Backend -> wait class, floors left out."""
        return {e.series.backend: e.wait_class for e in self.series if e.wait_class}


def list_all(programs: Sequence[Path], stop: Stop) -> Catalogue:
    """Asks every program. Raises ProgramError, PlanError, Interrupted."""
    series: list[Listed] = []
    backends: list[dict[str, Any]] = []
    for path in programs:
        document = list_program(path, stop)
        series += listed(path.name, document)
        backends += document["backends"]
    series.sort(key=lambda entry: entry.series.sort_key())
    return Catalogue({path.name: path for path in programs}, series, backends)


def built_backends() -> list[dict[str, Any]]:
    """The backends that the programs list which were built last, in release or debug. Raises as list_all does."""
    builds = [build / "bench_pipe" for build in (BUILD, BUILD.parent / "debug")]
    found = [program for program in builds if program.exists()]
    if not found:
        raise ProgramError(
            "nothing is built that could list its backends; cmake --workflow --preset release builds it"
        )
    newest = max(found, key=lambda program: program.stat().st_mtime)
    with Stop() as stop:
        return list_all(find_programs(newest.parent), stop).backends


def _parts(program: Path) -> list[Path]:
    """What a program is made of: its file, and the modules beside a Python program."""
    with open(program, "rb") as file:
        python = file.read(2) == b"#!"
    modules = sorted(program.parent.glob("*.py")) if python else []
    return [program, *(path for path in modules if not path.name.endswith("_test.py"))]


def fingerprint(programs: Mapping[str, Path]) -> dict[str, str]:
    """Name -> short hash of what a program is made of."""
    out = {}
    for name, path in programs.items():
        digest = hashlib.sha256()
        for part in _parts(path):
            digest.update(part.read_bytes())
        out[name] = digest.hexdigest()[:12]
    return out


class Unchanged:
    """Programs that must stay what they are while they are measured."""

    def __init__(self, programs: Mapping[str, Path]):
        self._parts = {name: _parts(path) for name, path in programs.items()}
        self._stamps = {name: self._stamp(name) for name in programs}

    def check(self, name: str) -> None:
        """Raises ProgramError when a file of the program was replaced or written to."""
        if self._stamp(name) != self._stamps[name]:
            raise ProgramError(
                f"{name} was built anew while it was measured; finished runs are kept. Start a new run, and build "
                "elsewhere meanwhile"
            )

    def _stamp(self, name: str) -> list[tuple[int, int, int]] | None:
        try:
            stats = [path.stat() for path in self._parts[name]]
        except FileNotFoundError:
            return None
        return [(s.st_ino, s.st_size, s.st_mtime_ns) for s in stats]
