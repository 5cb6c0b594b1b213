# SPDX-License-Identifier: MIT
"""A run folder: everything that one `tools/run` produced. results/README.md documents the columns.

Files that grow while a run goes on (runs.csv, histograms.csv) are appended to and flushed row by row; all others are
written beside and renamed, so a reader never sees half a file. A cell that is empty was not measured; it is never 0.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .series import KEYS, NUMBER_KEYS

SCHEMA = 1

RUN_COLUMNS = (
    *("schema", "run", "series", "question", "backend", *KEYS),
    *("side", "block", "position", "status", "reason", "utc", "messages", "batches"),
    *("real_time_ns", "cpu_ns_per_message", "messages_per_second", "bytes_per_second"),
    *("latency_kind", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"),
    *("voluntary_switches_per_message", "involuntary_switches_per_message"),
    *("asked_capacity_bytes", "capacity_bytes", "steal_percent"),
)
SUMMARY_COLUMNS = (
    *("schema", "run", "series", "question", "backend", *KEYS, "metric", "unit", "n", "failed"),
    *("median", "low", "high", "confidence", "min", "max", "spread", "x_floor"),
    *("cpu_ns_per_message", "warnings"),
)
HISTOGRAM_COLUMNS = ("series", "block", "low_ns", "high_ns", "count")

_TEXT = (
    {"run", "series", "question", "backend", "side", "status", "reason", "utc", "latency_kind"}
    | {"metric", "unit", "warnings"}
    | (set(KEYS) - NUMBER_KEYS)
)

Row = dict[str, Any]


class RunDirError(Exception):
    """A run folder that cannot be read or written: what, where, and what would be valid. Tools exit 2."""


def _parse(path: Path, line: int, column: str, cell: str) -> str | int | float | None:
    if cell == "":
        return None
    if column in _TEXT:
        return cell
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        raise RunDirError(f"{path}:{line}: {column} is '{cell}', not a number") from None


def _format(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format(value, ".9g")
    return str(value)


def csv_line(columns: Iterable[str], row: Mapping[str, Any]) -> str:
    """One CSV line with its newline; a column that the row lacks is empty. Unknown columns raise ValueError."""
    columns = tuple(columns)
    if unknown := set(row) - set(columns):
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_format(row.get(column)) for column in columns])
    return out.getvalue()


def write_text(path: Path, text: str) -> None:
    """Replaces `path` in one step: written beside, flushed to the disk, renamed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any) -> None:
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


class RunDir:
    """The files of one run folder. Readers parse numbers and give None for an empty cell."""

    def __init__(self, path: str | os.PathLike[str], names: Mapping[str, str] | None = None):
        """`names`: what runs.csv and summary.csv are called here instead."""
        self.path = Path(path)
        self._names = names or {}

    def has(self, name: str) -> bool:
        """Whether there is a runs.csv or summary.csv here, under whatever name."""
        return (self.path / self._names.get(name, name)).is_file()

    def plan(self) -> Row:
        """plan.json, {} when the folder has none."""
        return self._json("plan.json")

    def environment(self) -> Row:
        """environment.json, {} when the folder has none."""
        return self._json("environment.json")

    def runs(self) -> list[Row]:
        return self._csv("runs.csv", RUN_COLUMNS)

    def skipped(self) -> list[Row]:
        """Rows of runs.csv, one a series that cannot be measured, with the reason."""
        return [row for row in self.runs() if row["status"] == "skipped"]

    def summary(self) -> list[Row]:
        return self._csv("summary.csv", SUMMARY_COLUMNS)

    def histograms(self) -> list[Row]:
        """Rows of histograms.csv, [] when the run measured no latency. [low_ns, high_ns) is half-open."""
        if not (self.path / "histograms.csv").exists():
            return []
        return self._csv("histograms.csv", HISTOGRAM_COLUMNS)

    def begin_runs(self) -> None:
        """Makes runs.csv with its header: a run that is stopped before its first row has one, too."""
        write_text(self.path / "runs.csv", ",".join(RUN_COLUMNS) + "\n")

    def append_run(self, row: Mapping[str, Any]) -> None:
        self._append("runs.csv", RUN_COLUMNS, [row])

    def append_histogram(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._append("histograms.csv", HISTOGRAM_COLUMNS, rows)

    def append_measured(
        self, run: Mapping[str, Any], histogram: Iterable[Mapping[str, Any]]
    ) -> None:
        """A process run and its histogram; neither where one cannot be written, as on a full disk."""
        paths = [self.path / name for name in ("runs.csv", "histograms.csv")]
        sizes = [path.stat().st_size if path.exists() else 0 for path in paths]
        try:
            self.append_run(run)
            self.append_histogram(histogram)
        except OSError:
            for path, size in zip(paths, sizes):
                if path.exists():
                    os.truncate(path, size)
            raise

    def write_plan(self, plan: Row) -> None:
        write_json(self.path / "plan.json", plan)

    def write_environment(self, environment: Row) -> None:
        write_json(self.path / "environment.json", environment)

    def write_summary(self, rows: Iterable[Mapping[str, Any]]) -> None:
        lines = [",".join(SUMMARY_COLUMNS) + "\n"]
        lines += [csv_line(SUMMARY_COLUMNS, row) for row in rows]
        write_text(self.path / "summary.csv", "".join(lines))

    def mend(self) -> None:
        """Drops the half line that a killed writer may have left at the end of runs.csv or histograms.csv."""
        for name in ("runs.csv", "histograms.csv"):
            path = self.path / name
            if path.exists():
                data = path.read_bytes()
                whole = data.rfind(b"\n") + 1
                if whole != len(data):
                    os.truncate(path, whole)

    def _append(
        self, name: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        text = "".join(csv_line(columns, row) for row in rows)
        if not text:
            return
        with open(self.path / name, "a", encoding="utf-8", newline="") as file:
            file.write(("" if file.tell() else ",".join(columns) + "\n") + text)

    def _json(self, name: str) -> Row:
        path = self.path / name
        if not path.exists():
            return {}
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunDirError(f"{path}: cannot be read as JSON: {error}") from None
        if not isinstance(document, dict):
            raise RunDirError(f"{path}: not a JSON object")
        return document

    def _csv(self, name: str, columns: tuple[str, ...]) -> list[Row]:
        path = self.path / self._names.get(name, name)
        if self._names.get(name) == "":
            given = self.path / "".join(self._names.values())
            raise RunDirError(
                f"{given}: only this table was given, and this needs {name} as well: give a run folder"
            )
        try:
            with open(path, encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
                    raise RunDirError(
                        f"{path}: no column {', '.join(missing)}; see results/README.md"
                    )
                rows = []
                for cells in reader:
                    line = reader.line_num
                    if None in cells or None in cells.values():
                        raise RunDirError(f"{path}:{line}: not {len(columns)} cells")
                    rows.append({c: _parse(path, line, c, cells[c]) for c in columns})
        except FileNotFoundError:
            raise RunDirError(f"{path}: no such file; tools/run writes it") from None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise RunDirError(f"{path}: cannot be read: {error}") from None
        for row in rows:
            if row.get("schema", SCHEMA) != SCHEMA:
                raise RunDirError(
                    f"{path}: schema {row['schema']}; this tool reads schema {SCHEMA}"
                )
        return rows


def load(path: str | os.PathLike[str]) -> RunDir:
    """The run folder at `path`, which may also be its runs.csv or summary.csv under any name. Raises RunDirError."""
    path = Path(path)
    if path.is_file():
        kind = _kind(path)
        if path.name == kind:
            return RunDir(path.parent)
        # Of other tables beside it nobody knows whether they belong to it.
        nothing = dict.fromkeys(("runs.csv", "summary.csv"), "")
        return RunDir(path.parent, {**nothing, kind: path.name})
    if not path.is_dir():
        raise RunDirError(
            f"{path}: no run folder (nor its runs.csv or summary.csv); tools/run prints the one it wrote"
        )
    if not any((path / name).exists() for name in ("runs.csv", "summary.csv")):
        raise RunDirError(f"{path}: has neither runs.csv nor summary.csv, so it is no run folder")
    return RunDir(path)


def _kind(path: Path) -> str:
    """runs.csv or summary.csv: which of them a file is by its columns. Raises RunDirError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            found = set(next(csv.reader(file), ()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunDirError(f"{path}: cannot be read: {error}") from None
    kinds = {"runs.csv": RUN_COLUMNS, "summary.csv": SUMMARY_COLUMNS}
    for kind, columns in kinds.items():
        if found >= set(columns):
            return kind
    missing = {kind: [c for c in columns if c not in found] for kind, columns in kinds.items()}
    kind = min(missing, key=lambda name: len(missing[name]))
    raise RunDirError(
        f"{path}: neither a runs.csv nor a summary.csv; as {kind} it lacks {', '.join(missing[kind][:4])}; "
        "see results/README.md"
    )
