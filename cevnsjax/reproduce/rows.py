"""Published numbers, computed numbers, and the rule that gives a row its status."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.reproduce.choices import AS_PRINTED, REFERENCE, Choice, choices_of
from cevnsjax.tables import read_csv

Number = float | list[float] | list[tuple[float, float]]
Status = Literal["reproduced", "close", "differs", "known differs"]
REPRODUCED_AS_PRINTED = "reproduced as printed"
REPRODUCED_BY_CHOICE = "reproduced with a chosen convention"
CLOSE_BY_REFERENCE = "close by the independent reference only"


@dataclass(frozen=True)
class Published:
    """One printed number.

    Attributes:
        id: Paper and row, e.g. ``papoulias2020/N_SM.old``.
        where: Table or equation.
        value: A number, numbers, or a list of intervals, in ``unit``.
        unit: Unit as the paper prints it.
        attainable: Distance at which an independent reference lands, in ``unit``.
        last_digit: Unit of the last printed digit, in ``unit``.
        primary: Whether the row counts.
        known_differs: Whether the independent reference misses the row too.
    """

    id: str
    where: str
    value: Number
    unit: str
    attainable: float
    last_digit: float
    primary: bool
    known_differs: bool

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What its computation rests on besides the paper."""
        return choices_of(self.id)

    @property
    def rests_on(self) -> tuple[str, ...]:
        """Names of its choices, or "as printed"."""
        return tuple(choice.name for choice in self.choices) or (AS_PRINTED,)


@dataclass(frozen=True)
class Row:
    """A published number beside ours.

    Attributes:
        published: The printed number.
        computed: The number computed here, of the same form.
        difference: Largest distance over all end points, in the row's unit.
        tolerance: Largest distance at which the row is close.
        status: Status by the rule of ``compare``.
        reason: Why the row is not reproduced.
        by_reference: Whether only the distance at which an independent reference lands makes the
            row close or known to differ: it is beyond one last digit and 2 % of the width.
    """

    published: Published
    computed: Number
    difference: float
    tolerance: float
    status: Status
    reason: str = ""
    by_reference: bool = False

    @property
    def standing(self) -> str:
        """Status with what it rests on: the kind of row that it is counted as."""
        if self.status == "reproduced":
            return REPRODUCED_BY_CHOICE if self.published.choices else REPRODUCED_AS_PRINTED
        if self.status == "close" and self.by_reference:
            return CLOSE_BY_REFERENCE
        return self.status

    @property
    def rests_on(self) -> tuple[str, ...]:
        """What the status rests on: "as printed" or choices, and the independent reference."""
        return self.published.rests_on + ((REFERENCE,) if self.by_reference else ())


def published(paper: str) -> dict[str, Published]:
    """All printed numbers of a paper, by full id; a DataError if its file is missing or changed."""
    table = read_csv("published", f"{paper}.csv")
    rows = {}
    for i, name in enumerate(table["id"]):
        row = Published(
            id=f"{paper}/{name}",
            where=str(table["where"][i]),
            value=_parse(str(table["kind"][i]), str(table["published"][i])),
            unit=str(table["unit"][i]),
            attainable=float(table["attainable"][i]),
            last_digit=float(table["last_digit"][i]),
            primary=bool(table["primary"][i]),
            known_differs=bool(table["known_differs"][i]),
        )
        rows[row.id] = row
    return rows


def _parse(kind: str, text: str) -> Number:
    parts = [part.strip() for part in text.split("|")]
    if kind == "value":
        return float(parts[0])
    if kind == "values":
        return [float(part) for part in parts]
    intervals = [part.split("..") for part in parts]
    return [(_end(a, -math.inf), _end(b, math.inf)) for a, b in intervals]


def _end(text: str, otherwise: float) -> float:
    return otherwise if text == "open" else float(text)


def _ends(value: Number) -> list[float]:
    if isinstance(value, list):
        return [x for part in value for x in (part if isinstance(part, tuple) else (part,))]
    return [value]


def compare(
    row: Published, computed: Number, *, width: float | None = None, reason: str = ""
) -> Row:
    """A printed number beside the computed one, with its status.

    Reproduced within half the last digit; close within the larger of ``attainable``, the last
    digit and 2 % of the width (the hull of a union). A row with ``known_differs`` that only
    ``attainable`` reaches is known to differ. Another number of intervals differs, and so does NaN,
    printed or computed.

    Args:
        row: The printed number.
        computed: The number computed here.
        width: Width of the interval a lone end point belongs to, in the row's unit.
        reason: Explanation for rows that are not reproduced.
    """
    ours, theirs = _ends(computed), _ends(row.value)
    # An open end is infinite: it does not count for the width, and agrees only with an open end.
    closed = [x for x in theirs if math.isfinite(x)]
    hull = max(closed) - min(closed) if len(closed) > 1 else width or 0.0
    near = max(row.last_digit, 0.02 * hull)
    difference = _distance(ours, theirs)

    def within(limit: float) -> bool:
        # The factor keeps decimal ties, such as 1.235 for 1.23, on the near side.
        return math.isfinite(difference) and difference <= limit * (1 + 1e-9)

    status: Status = "differs"
    by_reference = not within(near) and within(row.attainable)
    if within(0.5 * row.last_digit):
        status = "reproduced"
    elif within(near):
        status = "close"
    elif by_reference:
        status = "known differs" if row.known_differs else "close"
    tolerance = max(row.attainable, near)
    return Row(row, computed, difference, tolerance, status, reason, by_reference)


def _distance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Largest distance of two lists, infinite at NaN and between lists of different lengths."""
    if len(ours) != len(theirs) or any(map(math.isnan, (*ours, *theirs))):
        return math.inf
    return max(0.0 if a == b else abs(a - b) for a, b in zip(ours, theirs, strict=True))


def rows_of(
    paper: str, computed: Mapping[str, Number], reasons: Mapping[str, str]
) -> Sequence[Row]:
    """Rows of a paper for computed numbers and explanations by row name without its prefix."""
    printed = published(paper)
    rows = []
    for name, value in computed.items():
        if f"{paper}/{name}" not in printed:
            raise UnknownNameError("row", f"{paper}/{name}", printed)
        row = printed[f"{paper}/{name}"]
        reason = reasons.get(name, "")
        rows.append(compare(row, value, width=_width(printed, row.id), reason=reason))
    return rows


# Rows of the two ends of an interval by the last part of their names, and the sign of each in its
# width.
_ENDS = {end: {"lo": -1, "hi": 1} for end in ("lo", "hi")}
_ENDS |= {end: {"plus": 1, "minus": 1} for end in ("plus", "minus")}


def _width(printed: Mapping[str, Published], name: str) -> float:
    """Width of the interval whose end a row prints; it begins at 0 if only its end is printed."""
    stem, _, end = name.rpartition(".")
    width = 0.0
    for other, sign in _ENDS.get(end, {}).items():
        row = printed.get(f"{stem}.{other}")
        if row is not None and isinstance(row.value, float):
            width += sign * row.value
    return width


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = (f"| {' | '.join(map(str, row))} |\n" for row in (columns, *rows))
    return next(lines) + f"|{'---|' * len(columns)}\n" + "".join(lines)


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table, six significant digits."""
    columns = ("row", "published", "computed", "difference", "tolerance", "rests on", "status")
    cells = [
        (
            r.published.id + ("" if r.published.primary else " (variant)"),
            _text(r.published.value),
            _text(r.computed),
            f"{r.difference:.3g}",
            f"{r.tolerance:.3g}",
            ", ".join(r.rests_on),
            r.status,
        )
        for r in rows
    ]
    return markdown_table(columns, cells)


def reasons_of(rows: Sequence[Row]) -> str:
    """Why rows are not reproduced, as a Markdown list with a line for each reason."""
    names: dict[str, list[str]] = {}
    for r in rows:
        if r.reason and r.status != "reproduced":
            names.setdefault(r.reason, []).append(r.published.id.partition("/")[2])
    return "".join(f"- {', '.join(listed)}: {reason}.\n" for reason, listed in names.items())


def _text(value: Number) -> str:
    if not isinstance(value, list):
        return f"{value:.6g}"
    return ", ".join(
        f"[{v[0]:.6g}, {v[1]:.6g}]" if isinstance(v, tuple) else f"{v:.6g}" for v in value
    )
