# SPDX-License-Identifier: MIT
"""What the generated parts of README.md share: the runs that they quote, and how they say things."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .rundir import RunDir
from .tables import bytes_text
from .verdict_page import machine_text

PLACEMENTS = {"same": "both processes on one CPU", "cross": "on different CPUs"}
OURS = "this project"  # the source of the claims that are targets


class ReadmeError(Exception):
    """README.md or its reference run cannot be used: what, where, what would be valid. Tools exit 2."""


def run_folders(folder: Path) -> list[Path]:
    """The run folders there, the newest first."""
    return sorted((p for p in folder.glob("*") if (p / "runs.csv").exists()), reverse=True)


def newest(folder: Path) -> RunDir:
    """Raises ReadmeError when there is none."""
    for path in run_folders(folder):
        return RunDir(path)
    raise ReadmeError(f"{folder}: no run folder; results/README.md says how to record one")


def caption(run: RunDir, page: str = "") -> str:
    """Which run it is, how long, where, and what it warns of; `page` is the file in its folder that is linked to."""
    environment = run.environment()
    noise = "; ".join(environment.get("noise") or []) or "none"
    folder = f"results/{run.path.parent.name}/{run.path.name}"
    return (
        f"run [{run.path.name}]({folder}/{page}), {run.plan().get('blocks')} blocks, {machine_text(environment)}. "
        f"Its warnings: {noise}."
    )


def longest(backend: Mapping[str, Any]) -> str:
    """Frames of 2^31 bytes and more are no limit that anybody meets."""
    most, unsized = backend["max_message"], backend["unsized_message"]
    text = "any" if most >= 2**31 - 1 else bytes_text(most) if most else "none"
    return f"{text}, {bytes_text(unsized)} unless told" if 0 < unsized < most else text
