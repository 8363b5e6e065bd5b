"""Rows as plain data: one record each, how many have which status, and in words what is missing."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cevnsjax.reproduce.catalogue import Missing
from cevnsjax.reproduce.rows import Published, Row, counted_status, published

STATUSES = ("reproduced", "close", "known differs", "differs", "not computed")
"""Of a record."""


def record_of(row: Row) -> dict[str, Any]:
    """A computed row.

    Args:
        row: The row.
    """
    p = row.published
    return {
        "id": p.id,
        "published": _plain(p.value),
        "computed": _plain(row.computed),
        "difference": _plain(row.difference),
        "tolerance": _plain(row.tolerance),
        "status": row.status,
        "reason": "" if row.status == "reproduced" else row.reason,
        **_place(p),
    }


def record_of_missing(row: Published, reason: str) -> dict[str, Any]:
    """A row that was not computed.

    Args:
        row: The printed number.
        reason: Why not.
    """
    nothing = dict.fromkeys(("computed", "difference", "tolerance"))
    values = {"id": row.id, "published": _plain(row.value), **nothing}
    return {**values, "status": "not computed", "reason": reason, **_place(row)}


def _place(row: Published) -> dict[str, Any]:
    return {
        "primary": row.primary,
        "known_differs": row.known_differs,
        "where": row.where,
        "unit": row.unit,
    }


def _plain(value: Any) -> Any:
    """Numbers and intervals as JSON has them; null for an open end and for what is no number."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return float(value) if math.isfinite(value) else None


def counts(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many rows have each status, primary rows and variants apart.

    Rows that an independent reference misses too do not count as close, however near they are.

    Args:
        records: Rows as plain data.
    """
    found = Counter((bool(r["primary"]), counted_as(r)) for r in records)
    kinds = {"primary": True, "variants": False}
    return {
        kind: {status: found[primary, status] for status in STATUSES}
        for kind, primary in kinds.items()
    }


def counted_as(record: Mapping[str, Any]) -> str:
    """Status that a record counts as.

    Args:
        record: A row as plain data.
    """
    return counted_status(record["status"], known_differs=record["known_differs"])


def summary(name: str, counted: Mapping[str, Mapping[str, int]]) -> str:
    """One line that says how many rows have each status.

    Args:
        name: What the rows belong to.
        counted: What ``counts`` gave.
    """
    parts = []
    for kind, by_status in counted.items():
        number = sum(by_status.values())
        shown = [f"{n} {status}" for status, n in by_status.items() if n]
        if number or kind == "primary":
            parts.append(f"{number} {kind}: {', '.join(shown)}")
    return f"{name}: {'; '.join(parts)}"


def fails(record: Mapping[str, Any]) -> bool:
    """Whether a row that counts differs, whatever reason stands beside it.

    Reasons are written for what is known today; a number that moves away from its row is news.

    Args:
        record: A row as plain data.
    """
    return record["primary"] and record["status"] == "differs"


def not_computed(missing: Iterable[Missing], most: int) -> str:
    """Lines that name rows that were left out, by reason.

    Args:
        missing: Rows and reasons.
        most: Rows of one reason that are named.
    """
    names: dict[str, list[str]] = {}
    for row, reason in missing:
        names.setdefault(reason, []).append(row.id.partition("/")[2])
    lines = []
    for reason, listed in names.items():
        more = f" and {len(listed) - most} more" if len(listed) > most else ""
        lines.append(f"not computed: {', '.join(listed[:most])}{more} ({reason})\n")
    return "".join(lines)


def to_text(rows: Sequence[Row]) -> str:
    """Computed rows of one paper as JSON that ``from_text`` reads.

    Args:
        rows: The rows.
    """
    kept = [
        [r.published.id, r.computed, r.difference, r.tolerance, r.status, r.reason] for r in rows
    ]
    return json.dumps(kept)


def from_text(text: str) -> list[Row]:
    """Rows that ``to_text`` wrote.

    Args:
        text: What it wrote.
    """
    rows = []
    for name, computed, *rest in json.loads(text):
        value = computed
        if isinstance(computed, list):
            value = [tuple(part) if isinstance(part, list) else part for part in computed]
        rows.append(Row(published(name.partition("/")[0])[name], value, *rest))
    return rows
