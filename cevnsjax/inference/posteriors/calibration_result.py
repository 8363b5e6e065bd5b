"""Result of simulation-based calibration: ranks, and tests that they are uniform."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.inference.posteriors.report import aligned
from cevnsjax.inference.records import Record

# Bins of the chi-square test.
_MIN_PER_BIN, _MAX_BINS = 10, 20
# Probability that some parameter of a correct posterior is called wrong.
_ERROR_RATE = 0.01
# Mean and spread of ranks are described in words if they are off by more errors than this.
_CLEAR_DEVIATION = 3.0


@dataclass(frozen=True)
class Uniformity(Record):
    """Tests of the ranks of one parameter.

    Attributes:
        chi2: p-value of a chi-square test over equal bins.
        ecdf: p-value of a Kolmogorov-Smirnov test, each rank spread evenly over its step.
        p: Twice the lower p-value, at most 1: the p-value of both tests together.
        shift: Mean of (rank / draws - 1/2) over its error; above 0 draws are too low.
        spread: Mean of (rank / draws - 1/2)^2, less that of uniform ranks, over its error; above 0
            posteriors are too narrow.
    """

    chi2: float
    ecdf: float
    p: float
    shift: float
    spread: float


@dataclass(frozen=True)
class Calibration(Record):
    """Ranks of true values among draws of their posteriors.

    Attributes:
        ranks: Number of draws below the true value, 0 to ``draws``, {name: [simulation]}.
        truths: True values in the parameters' units, {name: [simulation]}.
        draws: Number of draws among which each true value was ranked.
        method: The sampler.
        seed: Seed of the random numbers.
        tests: Tests of uniformity by parameter.
        divergences: Number of divergent transitions of NUTS in all chains.
        units: Unit of each parameter.
    """

    ranks: dict[str, Int[np.ndarray, " simulation"]]
    truths: dict[str, Float[np.ndarray, " simulation"]]
    draws: int
    method: str
    seed: int
    tests: dict[str, Uniformity]
    divergences: int = 0
    units: dict[str, str] = field(default_factory=dict)

    @property
    def simulations(self) -> int:
        """Number of data sets."""
        return len(next(iter(self.ranks.values())))

    @property
    def status(self) -> str:
        """What is wrong, or "calibrated"; correct posteriors fail in 1 % of the cases."""
        level = _ERROR_RATE / len(self.tests)
        wrong = [f"{n} ({_in_words(t)})" for n, t in self.tests.items() if t.p < level]
        return f"ranks are not uniform: {', '.join(wrong)}" if wrong else "calibrated"

    @property
    def calibrated(self) -> bool:
        """Whether the ranks of all parameters may be uniform."""
        return self.status == "calibrated"

    def lines(self) -> list[str]:
        """A table as lines of text."""
        cells: list[tuple[str, ...]] = [("parameter", "p", "chi2 p", "ECDF p", "shift", "spread")]
        for name, t in self.tests.items():
            values = (f"{x:.3g}" for x in (t.p, t.chi2, t.ecdf))
            cells.append((name, *values, f"{t.shift:+.1f}", f"{t.spread:+.1f}"))
        return aligned(cells)

    def __repr__(self) -> str:
        head = f"Calibration of {self.method}, {self.simulations} simulations: {self.status}"
        return "\n  ".join([head, *self.lines()])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, for JSON."""
        numbers = ("status", "method", "simulations", "draws", "seed", "divergences")
        return {
            **{name: getattr(self, name) for name in numbers},
            "parameters": {
                n: {
                    "unit": self.units.get(n, ""),
                    "p": t.p,
                    "chi2_p": t.chi2,
                    "ecdf_p": t.ecdf,
                    "shift": t.shift,
                    "spread": t.spread,
                    "ranks": self.ranks[n].tolist(),
                    "truths": self.truths[n].tolist(),
                }
                for n, t in self.tests.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Calibration":
        """The result from what ``to_dict`` gave."""
        rows = data["parameters"]
        names = ("chi2_p", "ecdf_p", "p", "shift", "spread")
        return cls(
            {n: np.array(row["ranks"], dtype=int) for n, row in rows.items()},
            {n: np.array(row["truths"], dtype=float) for n, row in rows.items()},
            **{key: data[key] for key in ("draws", "method", "seed", "divergences")},
            tests={n: Uniformity(*(row[name] for name in names)) for n, row in rows.items()},
            units={n: row["unit"] for n, row in rows.items()},
        )


def _in_words(test: Uniformity) -> str:
    """How ranks are not uniform."""
    words = []
    if abs(test.shift) > _CLEAR_DEVIATION:
        words.append(f"draws too {'low' if test.shift > 0 else 'high'}")
    if abs(test.spread) > _CLEAR_DEVIATION:
        words.append(f"posteriors too {'narrow' if test.spread > 0 else 'wide'}")
    return " and ".join(words) or f"p = {test.p:.2g}"


def uniformity(ranks: Int[np.ndarray, " simulation"], draws: int, seed: int = 0) -> Uniformity:
    """Test whether ranks from 0 to ``draws`` are all equally probable.

    Args:
        ranks: Number of draws below the true value [simulation].
        draws: Number of draws among which each true value was ranked.
        seed: Seed of the random numbers that spread each rank over its step.

    Examples:
        >>> cj.uniformity(np.repeat(np.arange(100), 4), draws=99).p
        1.0
        >>> cj.uniformity(np.repeat(np.arange(50), 8), draws=99).p < 1e-6
        True
    """
    from scipy import stats  # 0.5 s to import

    n, steps = len(ranks), draws + 1
    bins = min(_MAX_BINS, n // _MIN_PER_BIN, steps)
    counts = np.bincount(ranks * bins // steps, minlength=bins)
    ranks_per_bin = np.bincount(np.arange(steps) * bins // steps, minlength=bins)
    chi2 = float(stats.chisquare(counts, n * ranks_per_bin / steps).pvalue)
    rng = np.random.default_rng((seed, 4))
    # Ranks are whole numbers; spread at random over their steps they are uniform in [0, 1].
    ecdf = float(stats.kstest((ranks + rng.uniform(size=n)) / steps, "uniform").pvalue)
    deviation = (ranks + 0.5) / steps - 0.5
    variance = (1 - steps**-2) / 12
    fourth = np.mean(((np.arange(steps) + 0.5) / steps - 0.5) ** 4)
    shift = float(np.mean(deviation) / math.sqrt(variance / n))
    spread = float((np.mean(deviation**2) - variance) / math.sqrt((fourth - variance**2) / n))
    return Uniformity(chi2, ecdf, min(1.0, 2 * min(chi2, ecdf)), shift, spread)
