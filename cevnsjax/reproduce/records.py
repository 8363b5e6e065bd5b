"""Rows as plain data: a record of each row, how many have which status, and which are missing."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cevnsjax.reproduce.paper import Missing, Paper
from cevnsjax.reproduce.rows import Number, Published, Row, counted_status, published

STATUSES = ("reproduced", "close", "known differs", "differs", "not computed")
"""Statuses of a record."""
_NUMBERS: tuple[str, ...] = ("computed", "difference", "tolerance")
Record = dict[str, object]
"""A row as JSON has it."""


@dataclass(frozen=True)
class PaperResult:
    """What was computed of a paper.

    Attributes:
        paper: The paper.
        groups: Names of groups and their rows.
        missing: Rows that were not computed, and why.
        texts: What belongs below the rows, as Markdown.
    """

    paper: Paper
    groups: Sequence[tuple[str, Sequence[Row]]]
    missing: Sequence[Missing]
    texts: Sequence[str]

    @property
    def rows(self) -> list[Row]:
        """The rows that were computed."""
        return [row for _, rows in self.groups for row in rows]

    @cached_property
    def records(self) -> list[Record]:
        """All rows that the paper prints."""
        nothing = dict.fromkeys(_NUMBERS)
        missing = [_record(row, nothing, "not computed", reason) for row, reason in self.missing]
        return [*map(record_of, self.rows), *missing]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many rows have each status, primary rows and variants apart."""
        return counts(self.records)

    def to_dict(self) -> dict[str, object]:
        """Everything but the texts as plain data."""
        p = self.paper
        head = {"paper": p.name, "title": p.title, "reference": p.reference}
        return {**head, "counts": self.counts, "rows": self.records}


def record_of(row: Row) -> Record:
    """A computed row as plain data."""
    numbers = {n: _plain(getattr(row, n)) for n in _NUMBERS}
    reason = "" if row.status == "reproduced" else row.reason
    return _record(row.published, numbers, row.status, reason)


def _record(printed: Published, numbers: Mapping[str, object], status: str, reason: str) -> Record:
    return {
        "id": printed.id,
        "published": _plain(printed.value),
        **numbers,
        "status": status,
        "reason": reason,
        "primary": printed.primary,
        "known_differs": printed.known_differs,
        "where": printed.where,
        "unit": printed.unit,
    }


def _plain(value: Number | tuple[float, float]) -> float | list[object] | None:
    """Numbers and intervals as JSON has them; null for an open end and for infinity."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return float(value) if math.isfinite(value) else None


def counts(records: Iterable[Mapping[str, object]]) -> dict[str, dict[str, int]]:
    """How many rows have each status, primary rows and variants apart.

    A row that an independent reference misses too does not count as close, however near it is.
    """
    numbers = Counter((bool(r["primary"]), counted_as(r)) for r in records)
    kinds = {"primary": True, "variants": False}
    return {k: {s: numbers[primary, s] for s in STATUSES} for k, primary in kinds.items()}


def counted_as(record: Mapping[str, object]) -> str:
    """Status that a record counts as."""
    return counted_status(str(record["status"]), known_differs=bool(record["known_differs"]))


def summary(name: str, counted: Mapping[str, Mapping[str, int]]) -> str:
    """One line that says how many rows have each status, from what ``counts`` gave."""
    parts = []
    for kind, by_status in counted.items():
        number = sum(by_status.values())
        shown = [f"{n} {status}" for status, n in by_status.items() if n]
        if number or kind == "primary":
            parts.append(f"{number} {kind}: {', '.join(shown)}")
    return f"{name}: {'; '.join(parts)}"


def fails(record: Mapping[str, object]) -> bool:
    """Whether a row that counts differs, whatever reason is given for it.

    A reason explains a known difference; a number that moves away from its row is a new one.
    """
    return bool(record["primary"]) and record["status"] == "differs"


def not_computed(missing: Iterable[Missing], max_names: int) -> str:
    """Lines that name rows that were left out, at most ``max_names`` for each reason."""
    names: dict[str, list[str]] = {}
    for row, reason in missing:
        names.setdefault(reason, []).append(row.id.partition("/")[2])
    lines = []
    for reason, listed in names.items():
        more = f" and {len(listed) - max_names} more" if len(listed) > max_names else ""
        lines.append(f"not computed: {', '.join(listed[:max_names])}{more} ({reason})\n")
    return "".join(lines)


def to_text(rows: Sequence[Row]) -> str:
    """Computed rows of one paper as JSON that ``from_text`` reads."""
    names = (*_NUMBERS, "status", "reason")
    return json.dumps([[r.published.id, *(getattr(r, n) for n in names)] for r in rows])


def from_text(text: str) -> list[Row]:
    """Rows that ``to_text`` wrote."""
    rows = []
    for name, computed, *rest in json.loads(text):
        value = computed
        if isinstance(computed, list):
            value = [tuple(part) if isinstance(part, list) else part for part in computed]
        rows.append(Row(published(name.partition("/")[0])[name], value, *rest))
    return rows
