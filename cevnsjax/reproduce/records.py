"""Rows as plain data: a record of each row, how many have which status, and which are missing."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cevnsjax.reproduce.choices import AS_PRINTED, REFERENCE
from cevnsjax.reproduce.paper import Missing, Paper
from cevnsjax.reproduce.rows import (
    CLOSE_BY_REFERENCE,
    REPRODUCED_AS_PRINTED,
    REPRODUCED_BY_CHOICE,
    Number,
    Published,
    Row,
    published,
)

NOT_COMPUTED = "not computed"
STANDINGS = (
    *(REPRODUCED_AS_PRINTED, REPRODUCED_BY_CHOICE, "close", CLOSE_BY_REFERENCE),
    *("known differs", "differs", NOT_COMPUTED),
)
"""What records are counted as: their status with what it rests on."""
_NUMBERS: tuple[str, ...] = ("computed", "difference", "tolerance")
_KEPT = (*_NUMBERS, "status", "reason", "by_reference")
KEPT_FIELDS: tuple[str, ...] = ("id", *_KEPT)
"""Fields of a row that ``to_text`` writes."""
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
        missing = [_missing_record(row, reason) for row, reason in self.missing]
        return [*map(record_of, self.rows), *missing]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many rows have each standing, primary rows and variants apart."""
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
    rests_on = {"rests_on": list(row.rests_on), "standing": row.standing}
    return _record(row.published, {**numbers, "status": row.status, "reason": reason, **rests_on})


def _missing_record(row: Published, reason: str) -> Record:
    numbers = dict.fromkeys(_NUMBERS)
    rests_on = {"rests_on": list(row.rests_on), "standing": NOT_COMPUTED}
    return _record(row, {**numbers, "status": NOT_COMPUTED, "reason": reason, **rests_on})


def _record(printed: Published, computed: Mapping[str, object]) -> Record:
    return {
        "id": printed.id,
        "published": _plain(printed.value),
        **computed,
        "primary": printed.primary,
        "known_differs": printed.known_differs,
        "where": printed.where,
        "unit": printed.unit,
    }


def _plain(value: Number | tuple[float, float]) -> float | str | list[object] | None:
    """Numbers and intervals as JSON has them; null for an open end and for infinity, "nan"."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if math.isnan(value):
        return "nan"
    return float(value) if math.isfinite(value) else None


def counts(records: Iterable[Mapping[str, object]]) -> dict[str, dict[str, int]]:
    """How many rows have each standing, primary rows and variants apart."""
    numbers = Counter((bool(r["primary"]), str(r["standing"])) for r in records)
    kinds = {"primary": True, "variants": False}
    return {k: {s: numbers[primary, s] for s in STANDINGS} for k, primary in kinds.items()}


def resting(records: Iterable[Record]) -> list[tuple[str, int, int]]:
    """Each thing that primary rows rest on, with how many do, and how many of those are reproduced.

    A row that rests on several choices counts for each.
    """
    every, reproduced = Counter[str](), Counter[str]()
    for record in records:
        names = record["rests_on"]
        if record["primary"] and isinstance(names, list):
            every.update(names)
            reproduced.update(names if record["status"] == "reproduced" else ())
    order = sorted(every, key=lambda name: (name != AS_PRINTED, name == REFERENCE))
    return [(name, every[name], reproduced[name]) for name in order]


def summary(name: str, counted: Mapping[str, Mapping[str, int]]) -> str:
    """One line that says how many rows have each standing, from what ``counts`` gave."""
    parts = []
    for kind, by_standing in counted.items():
        number = sum(by_standing.values())
        shown = [f"{n} {standing}" for standing, n in by_standing.items() if n]
        if number or kind == "primary":
            parts.append(f"{number} {kind}: {', '.join(shown)}")
    return f"{name}: {'; '.join(parts)}"


def fails(record: Mapping[str, object]) -> bool:
    """Whether a row, primary or variant, differs, whatever reason is given for it.

    A reason explains a known difference; a number that moves away from its row is a new one.
    """
    return record["status"] == "differs"


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
    return json.dumps([[r.published.id, *(getattr(r, n) for n in _KEPT)] for r in rows])


def from_text(text: str) -> list[Row]:
    """Rows that ``to_text`` wrote."""
    rows = []
    for name, computed, *rest in json.loads(text):
        value = computed
        if isinstance(computed, list):
            value = [tuple(part) if isinstance(part, list) else part for part in computed]
        rows.append(Row(published(name.partition("/")[0])[name], value, *rest))
    return rows
