# SPDX-License-Identifier: MIT
"""Reads tools/claims.toml, which documents its fields: what is claimed, by which metric, of which pairs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from .rundir import RUN_COLUMNS
from .series import Series

CLAIMS = Path(__file__).resolve().parent.parent / "claims.toml"


class ClaimError(Exception):
    """A claim that cannot be judged: which one, what is wrong, what would be valid. Tools exit 2."""


@dataclass(frozen=True)
class Metric:
    """`x` and `y` are questions, `column` is one of runs.csv, `better` is lower or higher.

    `x_keys` and `y_keys`: what a series of that side must have; the cells differ in the other keys, which both have.
    """

    name: str
    x: str
    y: str
    column: str
    better: str
    x_keys: Mapping[str, int | str] = field(default_factory=dict, hash=False)
    y_keys: Mapping[str, int | str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Pair:
    """Two backends of one language, or the best ones of a wait class (`best_of`, minus `without`)."""

    language: str
    name: str
    note: str
    codec: tuple[str, ...]
    x: str = ""
    y: str = ""
    best_of: str = ""
    without: tuple[str, ...] = ()

    def sides(self, wait_class: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """The backends that stand for X and for Y; `wait_class` maps every backend of the run to its wait class."""
        if not self.best_of:
            return [self.x], [self.y]
        able = [
            backend
            for backend, wait in sorted(wait_class.items())
            if wait == self.best_of and not any(fnmatch(backend, no) for no in self.without)
        ]
        return able, able


Keys = tuple[tuple[str, int | str], ...]  # of a cell: those that both sides have


def cell_sides(
    pair: Pair, metric: Metric, asked: Iterable[Series], wait_class: Mapping[str, str]
) -> dict[Keys, tuple[list[Series], list[Series]]]:
    """The series of `asked` that stand for X and for Y in each cell, neither of them empty."""
    of: dict[tuple[str, str], list[Series]] = {}
    for series in asked:
        if series.keys.get("codec", "") in pair.codec:
            of.setdefault((series.question, series.backend), []).append(series)
    found: dict[Keys, tuple[list[Series], list[Series]]] = {}
    x_backends, y_backends = pair.sides(wait_class)
    for x in (series for backend in x_backends for series in of.get((metric.x, backend), ())):
        if (keys := _free_keys(x, metric.x_keys)) is not None:
            found.setdefault(keys, ([], []))[0].append(x)
    for y in (series for backend in y_backends for series in of.get((metric.y, backend), ())):
        if (keys := _free_keys(y, metric.y_keys)) in found:
            found[keys][1].append(y)
    return {keys: sides for keys, sides in found.items() if all(sides)}


def _free_keys(series: Series, fixed: Mapping[str, int | str]) -> Keys | None:
    """The keys of a series beside the fixed ones; None when it has not these."""
    if any(series.keys.get(key) != value for key, value in fixed.items()):
        return None
    return tuple(item for item in series.keys.items() if item[0] not in fixed)


@dataclass(frozen=True)
class Claim:
    """`confidence` is that of claims.toml. `same`: X and Y should be equal; without pairs, a series and itself.

    Either `margin` or `at_least` is there.
    """

    id: str
    sentence: str
    source: str
    confidence: float
    same: bool
    metrics: tuple[Metric, ...]
    pairs: tuple[Pair, ...]
    margin: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> float:
        """The ratio above which a cell holds, where more than 1 means that X is better."""
        return self.at_least if self.margin is None else 1 + self.margin


@dataclass(frozen=True)
class FactVerdict:
    """What tests show of a fact in one language. `tests` are their names, without parameters."""

    language: str
    said: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A claim that no number decides."""

    id: str
    sentence: str
    source: str
    verdicts: tuple[FactVerdict, ...]


def load_claims(path: Path = CLAIMS) -> list[Claim]:
    """All claims in their order. Raises ClaimError that names the claim and what it lacks."""
    document = _document(path)
    confidence = document.get("confidence")
    if not isinstance(confidence, float) or not 0 < confidence < 1:
        raise ClaimError(f"{path}: confidence is {confidence!r}; it is a number between 0 and 1")
    return [_claim(path, table, confidence) for table in document.get("claim", [])]


def load_facts(path: Path = CLAIMS) -> list[Fact]:
    """All facts in their order. Raises ClaimError."""
    return [_fact(path, table) for table in _document(path).get("fact", [])]


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ClaimError(f"{path}: {error}") from None
    if unknown := set(document) - {"confidence", "claim", "fact"}:
        raise ClaimError(
            f"{path}: unknown {', '.join(sorted(unknown))}; there are confidence, claim and fact"
        )
    return document


def _fact(path: Path, table: dict[str, Any]) -> Fact:
    where = f"{path}: fact '{table.get('id', '(without an id)')}'"
    verdicts = [
        _table(FactVerdict, where, {"said" if k == "is" else k: v for k, v in verdict.items()})
        for verdict in table.pop("verdict", [])
    ]
    if not verdicts or not all(verdict.tests for verdict in verdicts):
        raise ClaimError(f"{where} needs verdicts, each with the tests that show it")
    return _table(Fact, where, {**table, "verdicts": tuple(verdicts)})


def _claim(path: Path, table: dict[str, Any], confidence: float) -> Claim:
    where = f"{path}: claim '{table.get('id', '(without an id)')}'"
    metrics, pairs = table.pop("metric", []), table.pop("pair", [])
    same = table.pop("same", False)
    if not metrics:
        raise ClaimError(f"{where} has no metric: say by which number X would be better")
    if not pairs and not same:
        raise ClaimError(f"{where} needs pairs, or same = true")
    claim = _table(
        Claim,
        where,
        {
            **table,
            "confidence": confidence,
            "same": same,
            "metrics": tuple(_table(Metric, f"{where}, metric", metric) for metric in metrics),
            "pairs": tuple(_table(Pair, f"{where}, pair", pair) for pair in pairs),
        },
    )
    if (claim.margin is None) == (claim.at_least is None) or (same and claim.margin is None):
        raise ClaimError(f"{where} needs a margin, or at_least if it is no claim of sameness")
    if claim.margin is not None and (
        not isinstance(claim.margin, float) or not 0 <= claim.margin < 1
    ):
        raise ClaimError(f"{where}: margin is {claim.margin!r}; it is a share such as 0.05")
    if claim.at_least is not None and (
        not isinstance(claim.at_least, float) or claim.at_least <= 0
    ):
        raise ClaimError(f"{where}: at_least is {claim.at_least!r}; it is a ratio such as 2.0")
    for metric in claim.metrics:
        if metric.column not in RUN_COLUMNS:
            raise ClaimError(f"{where}: metric '{metric.name}': runs.csv has no {metric.column}")
        if metric.better not in ("lower", "higher"):
            raise ClaimError(f"{where}: metric '{metric.name}': better is lower or higher")
    for pair in claim.pairs:
        if bool(pair.best_of) == bool(pair.x and pair.y):
            raise ClaimError(f"{where}: pair '{pair.name}' needs x and y, or best_of, and not both")
    return claim


def _table(kind: type, where: str, table: dict[str, Any]) -> Any:
    """A `kind` from a table of the same fields; lists become tuples."""
    known = [f.name for f in fields(kind)]
    if unknown := set(table) - set(known):
        raise ClaimError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known are {', '.join(known)}"
        )
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
    except TypeError as error:
        raise ClaimError(f"{where}: {error}") from None
