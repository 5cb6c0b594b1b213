# SPDX-License-Identifier: MIT
"""The options of tools/run, and what can be refused before anything is built or measured."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from .plan import Profile
from .rundir import RunDirError

FIXED_BY_RUN = ("profile", "only", "out", "blocks", "seed", "list")


class Usage(Exception):
    """Wrong usage: what, and what would be valid. Exit 2."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        valid = [" ".join(filter(None, (*a.option_strings, a.metavar))) for a in self._actions]
        raise Usage(f"{message}\nvalid options: {', '.join(valid)}, --help")


def _whole_number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
        return int(text)

    return parse


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Raises Usage. What --help and --no-setup ask for is done by the shell part of tools/run."""
    parser = _Parser(prog="tools/run", add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", metavar="NAME")
    parser.add_argument("--only", metavar="REGEX")
    parser.add_argument("--out", metavar="DIR", type=Path)
    parser.add_argument("--blocks", metavar="N", type=_whole_number(1))
    parser.add_argument("--seed", metavar="N", type=_whole_number(0))
    parser.add_argument("--resume", metavar="RUN_FOLDER", type=Path)
    parser.add_argument("--list", action="store_true", default=None)
    parser.add_argument("--no-setup", action="store_true")
    options = parser.parse_args(list(argv))
    given = [f"--{name}" for name in FIXED_BY_RUN if getattr(options, name) is not None]
    if options.resume is not None and given:
        raise Usage(f"{', '.join(given)} with --resume: the run folder fixes that, leave it out")
    if options.only is not None:
        try:
            re.compile(options.only)
        except re.error as error:
            raise Usage(f"--only '{options.only}': not a regular expression: {error}") from None
    return options


def profile_named(profiles: Mapping[str, Profile], name: str) -> Profile:
    """Raises Usage that names the profiles."""
    if name not in profiles:
        known = "".join(f"\n  {p.name:10}{p.summary}" for p in profiles.values())
        raise Usage(f"--profile '{name}': no such profile; there are{known}")
    return profiles[name]


def check_writable(option: str, folder: Path, mib: int) -> None:
    """Makes the folder, really writes a file in it and looks at the free space. Raises RunDirError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(65536))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free // 2**20
    except OSError as error:
        raise RunDirError(
            f"{option} {folder}: cannot be written ({error.strerror}); name a folder that can be"
        ) from None
    if free < mib:
        raise RunDirError(
            f"{option} {folder}: {free} MiB are free and this run may need {mib}; "
            "name a folder with more room"
        )
