"""Rows and tables of the Poisson fits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from timing import Timing, shown

LEGEND = """\
Data and toys of csi_2021, 9 x 11 cells. Times are per fit: the median over rounds in which all
sides were timed in turns, one thread of BLAS each. The machine was shared with other work: read
the ratios, above 1 cevnsjax is faster.

"sin2_theta_w": it and all 8 nuisances are free; toys throw counts and auxiliary measurements. The
other side is the same likelihood in NumPy: templates precomputed and quadratic in sin2_theta_w;
chi2 agrees with model.nll to 1e-6 at random points, checked before timing. "numerical" and
"analytic" say where its gradient comes from. "strength": another parametrisation, the strength of
the signal and 7 nuisances, in pyhf with its own likelihood, beside the cevnsjax fit of the same;
chi2 agrees to 1e-6 near the defaults, where no template is near zero.

Fits of the data are cevnsjax.fit, with errors; NumPy takes them from differences of the gradient,
pyhf gives none. Toys are fitted by benchmarks/toy_fits.py, one compiled program of Newton steps on
profiled_nll, compilation not counted; the others loop over the first few of each round. "Fits" are
those timed, cevnsjax / other; "failed" those of them whose own flag says not converged.

A few toys in a hundred have two minima, with the efficiency's pull on either side of -1, and every
program may end in the shallower. "Deeper": share of compared fits in which cevnsjax / the other
found a minimum deeper by more than 1e-3 in chi2. "Differ": largest difference of the fitted
parameter in the other fits that converged on both sides, in standard deviations. pyhf does not
keep bent templates positive, which moves toys that pull the efficiency far down."""
_HEAD = ("what", "cevnsjax", "other", "ratio", "fits", "differ", "deeper", "failed")


@dataclass(frozen=True)
class FitRow:
    """One line of the table, times per fit.

    Attributes:
        what: Model, data and the other program.
        cevnsjax: Seconds per fit; None where the other side is missing.
        other: Likewise.
        fits: Fits timed, cevnsjax and other.
        difference: Largest difference where both converged, to the same chi2 where they have the
            same likelihood [standard deviation].
        strayed: Share of those that differ by more than 1e-3 standard deviations.
        lower: Share of fits where both converged and cevnsjax, or the other, found a minimum
            deeper by more than 1e-3 in chi2; None where likelihoods differ.
        failed: Share of fits that did not converge, cevnsjax and other.
        note: Why there are no numbers.
    """

    what: str
    cevnsjax: Timing | None = None
    other: Timing | None = None
    fits: tuple[int, int] = (0, 0)
    difference: float | None = None
    strayed: float | None = None
    lower: tuple[float, float] | None = None
    failed: tuple[float, float] | None = None
    note: str = field(default="")

    @property
    def ratio(self) -> float | None:
        """Time of the other over time of cevnsjax: above 1 cevnsjax is faster."""
        if self.other is None or self.cevnsjax is None:
            return None
        return self.other.median / self.cevnsjax.median


@dataclass(frozen=True)
class Cost:
    """What a part costs: a number with its unit, "s" or "1"."""

    what: str
    value: float
    unit: str = "s"


FitTable = tuple[list[FitRow], list[Cost]]


def as_dict(rows: Sequence[FitRow], costs: Sequence[Cost]) -> dict[str, Any]:
    """For JSON, times in seconds."""
    return {
        "rows": [{**asdict(r), "ratio": r.ratio} for r in rows],
        "costs": [asdict(c) for c in costs],
    }


def cells(row: FitRow) -> list[str]:
    """A row as text."""
    if row.cevnsjax is None or row.other is None:
        return [row.what, *["-"] * 6, row.note]
    return [
        row.what,
        shown(row.cevnsjax.median),
        shown(row.other.median),
        f"{row.ratio:.2g}",
        " / ".join(map(str, row.fits)),
        "-" if row.difference is None else f"{row.difference:.0e}{_share(row.strayed)}",
        *(_percents(row.lower), _percents(row.failed)),
    ]


def _percents(shares: tuple[float, float] | None) -> str:
    return " / ".join(f"{100 * s:.2g} %" for s in shares) if shares else "-"


def _share(strayed: float | None) -> str:
    return f" ({100 * strayed:.3g} % above 1e-3)" if strayed else ""


def markdown(rows: Sequence[FitRow], costs: Sequence[Cost]) -> str:
    """Legend and tables."""
    lines = ["## Poisson fits", "", LEGEND, ""]
    lines += ["| " + " | ".join(_HEAD) + " |", "|---|---:|---:|---:|---:|---:|---:|---:|"]
    lines += ["| " + " | ".join(cells(r)) + " |" for r in rows]
    lines += ["", "Where the time of cevnsjax goes, toy fits per toy:", ""]
    lines += ["| what | cost |", "|---|---:|"]
    lines += [
        f"| {c.what} | {shown(c.value) if c.unit == 's' else f'{c.value:.3g}'} |" for c in costs
    ]
    return "\n".join(lines) + "\n"


def from_dict(printed: dict[str, Any]) -> FitTable:
    """The inverse of ``as_dict``."""
    return [_row(r) for r in printed["rows"]], [Cost(**c) for c in printed["costs"]]


def _row(printed: dict[str, Any]) -> FitRow:
    clocks = {s: Timing(**printed[s]) for s in ("cevnsjax", "other") if printed[s]}
    pairs = {s: tuple(printed[s]) for s in ("fits", "lower", "failed") if printed[s]}
    return FitRow(**{**{k: v for k, v in printed.items() if k != "ratio"}, **clocks, **pairs})
