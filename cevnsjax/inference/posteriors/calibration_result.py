"""What simulation-based calibration found: ranks, and tests that they are uniform."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cevnsjax.inference.posteriors.report import aligned

# Simulations in a bin at least, and bins at most, of the chi-square test.
_PER_BIN, _BINS = 10, 20
# Probability that any parameter of a right posterior is called wrong.
_LEVEL = 0.01
# Ranks that lie apart in the mean or in the spread by so many errors say how they do.
_CLEAR = 3.0


@dataclass(frozen=True)
class Uniformity:
    """Tests of the ranks of one parameter.

    Attributes:
        chi2: p-value of a chi-square test over equal bins.
        ecdf: p-value of a Kolmogorov-Smirnov test, ranks spread evenly over their steps.
        p: Twice the lower one, at most 1: the p-value of both together.
        shift: Mean of rank / draws less one half, over its error; above 0 draws are too low.
        spread: Its mean square about one half, against the uniform one, over its error; above 0
            posteriors are too narrow.
    """

    chi2: float
    ecdf: float
    p: float
    shift: float
    spread: float


@dataclass(frozen=True)
class Calibration:
    """Ranks of true values among draws of their posteriors.

    Attributes:
        ranks: How many draws lie below the true value, 0 to ``draws``, {name: [simulation]}.
        truths: True values in the parameters' units, {name: [simulation]}.
        draws: Draws each true value was ranked among.
        method: The sampler.
        seed: Of the random numbers.
        tests: Uniformity by parameter.
        divergences: Number of divergent transitions of NUTS, of all chains.
        units: By parameter.
    """

    ranks: dict[str, np.ndarray]
    truths: dict[str, np.ndarray]
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
        """What is wrong, or "calibrated"; wrong by chance once in a hundred times."""
        level = _LEVEL / len(self.tests)
        wrong = [f"{n} ({_shape(t)})" for n, t in self.tests.items() if t.p < level]
        return f"ranks are not uniform: {', '.join(wrong)}" if wrong else "calibrated"

    @property
    def calibrated(self) -> bool:
        """Whether all ranks may be uniform."""
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
        return {
            "status": self.status,
            "method": self.method,
            "simulations": self.simulations,
            "draws": self.draws,
            "seed": self.seed,
            "divergences": self.divergences,
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


def _shape(test: Uniformity) -> str:
    said = []
    if abs(test.shift) > _CLEAR:
        said.append(f"draws too {'low' if test.shift > 0 else 'high'}")
    if abs(test.spread) > _CLEAR:
        said.append(f"posteriors too {'narrow' if test.spread > 0 else 'wide'}")
    return " and ".join(said) or f"p = {test.p:.2g}"


def uniformity(ranks: np.ndarray, draws: int, seed: int = 0) -> Uniformity:
    """Test ranks from 0 to draws, each as probable as the others.

    Args:
        ranks: [simulation].
        draws: Number of draws ranked among.
        seed: Of the numbers that spread each rank over its step.
    """
    from scipy import stats  # 0.5 s to import

    n, steps = len(ranks), draws + 1
    bins = min(_BINS, n // _PER_BIN, steps)
    counts = np.bincount(ranks * bins // steps, minlength=bins)
    wide = np.bincount(np.arange(steps) * bins // steps, minlength=bins)
    chi2 = float(stats.chisquare(counts, n * wide / steps).pvalue)
    rng = np.random.default_rng((seed, 4))
    # Ranks are whole numbers; with a share of their step at random they are uniform in [0, 1].
    ecdf = float(stats.kstest((ranks + rng.uniform(size=n)) / steps, "uniform").pvalue)
    away = (ranks + 0.5) / steps - 0.5
    variance = (1 - steps**-2) / 12
    fourth = np.mean(((np.arange(steps) + 0.5) / steps - 0.5) ** 4)
    shift = float(np.mean(away) / math.sqrt(variance / n))
    spread = float((np.mean(away**2) - variance) / math.sqrt((fourth - variance**2) / n))
    return Uniformity(chi2, ecdf, min(1.0, 2 * min(chi2, ecdf)), shift, spread)
