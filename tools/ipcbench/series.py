# SPDX-License-Identifier: MIT
"""Series names: `<question>/<backend>/key:value/...`, one cell of a question.

The order of the keys is fixed, so that one cell has one name. `bytes`, `producers`, `consumers`, `clients` and
`processes` are whole numbers from 1; the others are words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

KEYS = ("bytes", "codec", "op", "producers", "consumers", "clients", "processes", "placement")
NUMBER_KEYS = frozenset({"bytes", "producers", "consumers", "clients", "processes"})
PLACEMENTS = ("same", "cross", "free")
FLOOR = "floor"

_WORD = re.compile(r"[a-z0-9][a-z0-9_+]*\Z")
_NUMBER = re.compile(r"[1-9][0-9]*\Z")


@dataclass(frozen=True)
class Series:
    """A parsed series name. `keys` holds only the keys that the name has, in the order of KEYS."""

    name: str
    question: str
    backend: str
    keys: dict[str, int | str] = field(hash=False)

    def columns(self) -> dict[str, int | str | None]:
        """question, backend and all KEYS, None where the name has none: the head of a CSV row."""
        row: dict[str, int | str | None] = {"question": self.question, "backend": self.backend}
        row.update({key: self.keys.get(key) for key in KEYS})
        return row

    def sort_key(self) -> tuple[object, ...]:
        """Sorts series for people: floors last, then question, backend, small before large, same before cross."""
        order = (_rank(key, self.keys.get(key)) for key in KEYS)
        return (self.question == FLOOR, self.question, self.backend, *order)


def _rank(key: str, value: int | str | None) -> tuple[int, int | str]:
    """Orders the values of one key: absent first, placements as in PLACEMENTS, the rest by value."""
    if value is None:
        return (0, "")
    return (1, PLACEMENTS.index(str(value)) if key == "placement" else value)


def parse(name: str) -> Series:
    """Takes a series name apart.

    Raises ValueError that says which part of the name is wrong and what would be valid.
    """
    parts = name.split("/")
    if len(parts) < 2:
        raise ValueError(f"series '{name}': expected <question>/<backend>/key:value/...")
    for what, word in zip(("question", "backend"), parts):
        if not _WORD.match(word):
            raise ValueError(
                f"series '{name}': '{word}' is no {what} (lower case, digits, _ and +)"
            )
    keys: dict[str, int | str] = {}
    last = -1
    for part in parts[2:]:
        key, colon, value = part.partition(":")
        if not colon or key not in KEYS:
            raise ValueError(
                f"series '{name}': '{part}' is not key:value with a key of {', '.join(KEYS)}"
            )
        if KEYS.index(key) <= last:
            raise ValueError(
                f"series '{name}': '{key}' is out of order; the order is {', '.join(KEYS)}"
            )
        last = KEYS.index(key)
        keys[key] = _value(name, key, value)
    return Series(name, parts[0], parts[1], keys)


def _value(name: str, key: str, value: str) -> int | str:
    if key in NUMBER_KEYS:
        if not _NUMBER.match(value):
            raise ValueError(f"series '{name}': {key} is '{value}', not a whole number from 1")
        return int(value)
    if key == "placement" and value not in PLACEMENTS:
        raise ValueError(
            f"series '{name}': placement is '{value}', not one of {', '.join(PLACEMENTS)}"
        )
    if not _WORD.match(value):
        raise ValueError(f"series '{name}': {key} is '{value}', not a word")
    return value


def natural(text: str) -> tuple[Any, ...]:
    """A key by which 2x10ms comes before 16x0ms."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
