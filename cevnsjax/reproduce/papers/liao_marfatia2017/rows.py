"""Rows of Liao and Marfatia, PLB 775, 54: eq. 12, effective couplings in the Earth's matter.

eps_aa = 3 (eps^u_aa + eps^d_aa) of eq. 11, with the couplings of u and d to nu_e and nu_mu each in
a box |eps| <= b and minimised over the other three directions. The paper "scans over all possible
values"; it states neither b nor whether the range is that of one parameter (Delta chi2 < 2.71) or
the projection of the region in its Fig. 4 (4.61). Rows show four boxes with both.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import ndimage, optimize

from cevnsjax.analyses import liao_marfatia2017
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.inference.scans.scan import scan
from cevnsjax.interactions import NSI
from cevnsjax.model import Model
from cevnsjax.reproduce.quantities import intervals_below
from cevnsjax.reproduce.rows import Number, Row, rows_of

ValueAndGrad = Callable[[np.ndarray], tuple[float, np.ndarray]]
BOXES = (0.5, 0.75, 1.0, 2.0)
PAIRS = ("ee", "mumu")
COUPLINGS = {pair: (f"eps_uV_{pair}", f"eps_dV_{pair}") for pair in PAIRS}
"""Couplings of u and d quarks to each flavour."""
NAMES = [name for names in COUPLINGS.values() for name in names]
"""All of them."""
_LEVEL, _DOF = 0.90, (1, 2)
# Points of each axis of the grid, and the number of its local minima that descents start from: in
# the whole box, and at fixed eps_aa.
_POINTS, _IN_BOX, _AT_EPS = 25, 6, 3
_QUARKS = 3
_REASON = (
    "range of the scan and height of the contour are not printed, and the larger the box, the "
    "further the nearly flat u - d directions let eps_aa reach; ours are centred on 0.524 for "
    "every box, the printed ones on 0.50 (ee) and 0.455 (mumu), so that no box gives both ends"
)


def rows(boxes: Sequence[float] = BOXES) -> Sequence[Row]:
    """Eq. 12 for some of ``BOXES`` and both readings of 90 %."""
    model = coupled_model()
    fits = {box: BoxFit(model, box) for box in boxes}
    computed: dict[str, Number] = {
        f"eq12_eps_{pair}_box_{box}_{dof}dof": fit.intervals(pair, delta_chi2_at(_LEVEL, dof))
        for box, fit in fits.items()
        for dof in _DOF
        for pair in PAIRS
    }
    return rows_of("liao_marfatia2017", computed, dict.fromkeys(computed, _REASON))


def coupled_model() -> Model:
    """The analysis with the four diagonal couplings."""
    return liao_marfatia2017(interactions=[NSI(*NAMES)])


class BoxFit:
    """chi2 of four couplings within a box, and its minimum at given eps_ee or eps_mumu.

    On a product grid with equal steps in u and d, eps_aa is constant along diagonals. Its local
    minima on a diagonal start minimisations with the exact gradient along u - d and over the other
    flavour. Ends of intervals are converged to 1e-6, whatever the grid.

    Attributes:
        box: Largest |eps|.
        grid: Values of each coupling, [point].
        chi2: On the grid, [u_ee, d_ee, u_mumu, d_mumu].
        chi2_min: Lowest chi2 within the box.
    """

    def __init__(self, model: Model, box: float, points: int = _POINTS) -> None:
        self.box, self._model = box, model
        self.grid = np.linspace(-box, box, points)
        axes: dict[str, Any] = dict.fromkeys(NAMES, self.grid)
        self.chi2 = scan(model, engine="template", **axes)["chi2"].transpose(*NAMES).to_numpy()
        self._lowest: dict[tuple[str, float], float] = {}
        starts = [self.grid[list(i)] for i in _local_minima(self.chi2, _IN_BOX)]
        bounds = [(-box, box)] * len(NAMES)
        self.chi2_min = min(_descend(self._function(NAMES), s, bounds)[0] for s in starts)

    def _function(self, names: Sequence[str]) -> ValueAndGrad:
        """chi2 and its gradient as functions of an array in the order of ``names``."""

        def value_and_grad(x: np.ndarray) -> tuple[float, np.ndarray]:
            values = dict(zip(names, x.tolist(), strict=True))
            # Both flavours use one order of names, so that one compiled program serves both.
            value, slopes = self._model.value_and_grad(values, names=NAMES)
            return 2 * value, 2 * np.array([slopes[n] for n in names])

        return value_and_grad

    @property
    def eps(self) -> np.ndarray:
        """Values of eps_aa on the diagonals of the grid, [diagonal]."""
        return _QUARKS * np.linspace(-2 * self.box, 2 * self.box, 2 * self.grid.size - 1)

    def projected(self, pair: str) -> np.ndarray:
        """Lowest chi2 on each diagonal of the grid, [diagonal]."""
        return np.array([self._slab(pair, k)[1].min() for k in range(2 * self.grid.size - 1)])

    def _slab(self, pair: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of u with u + d on diagonal k, and chi2 there, [u, other u, other d]."""
        chi2 = self.chi2 if pair == PAIRS[0] else np.transpose(self.chi2, (2, 3, 0, 1))
        last = self.grid.size - 1
        u = np.arange(max(0, k - last), min(k, last) + 1)
        return u, chi2[u, k - u]

    def at(self, pair: str, eps: float) -> float:
        """chi2 at a value of eps_aa, at most 6 boxes, minimised over all else within the box."""
        if (pair, eps) not in self._lowest:
            self._lowest[pair, eps] = self.best(pair, eps)[0]
        return self._lowest[pair, eps]

    def best(self, pair: str, eps: float) -> tuple[float, dict[str, float]]:
        """The same chi2, and the couplings at its minimum."""
        (other,) = (p for p in PAIRS if p != pair)
        names, total = (*COUPLINGS[pair], *COUPLINGS[other]), eps / _QUARKS
        chi2 = self._function(names)

        def couplings(y: np.ndarray) -> np.ndarray:
            # Rounding may put d outside the box.
            return np.array([y[0], np.clip(total - y[0], -self.box, self.box), y[1], y[2]])

        def along(y: np.ndarray) -> tuple[float, np.ndarray]:
            value, slopes = chi2(couplings(y))
            return value, np.array([slopes[0] - slopes[1], slopes[2], slopes[3]])

        box = (-self.box, self.box)
        bounds = [(max(box[0], total - box[1]), min(box[1], total - box[0])), box, box]
        ends = [_descend(along, start, bounds) for start in self._starts(pair, total)]
        value, y = min(ends, key=lambda end: end[0])
        return value, dict(zip(names, couplings(y).tolist(), strict=True))

    def _starts(self, pair: str, total: float) -> list[np.ndarray]:
        """(u, other u, other d) at the local minima of the nearest diagonal."""
        step = self.grid[1] - self.grid[0]
        k = round((total + 2 * self.box) / step)
        u, chi2 = self._slab(pair, k)
        shift = (total - (k * step - 2 * self.box)) / 2
        return [
            np.array([self.grid[u[i]] + shift, self.grid[j], self.grid[m]])
            for i, j, m in _local_minima(chi2, _AT_EPS)
        ]

    def intervals(self, pair: str, height: float) -> list[tuple[float, float]]:
        """Values of eps_aa within a height of the lowest chi2."""
        level = self.chi2_min + height
        eps, below = self._around(pair, level)
        return intervals_below(partial(self.at, pair), eps, below, level, 1e-8)

    def _around(self, pair: str, level: float) -> tuple[list[float], list[bool]]:
        """Diagonals that enclose the allowed ones, and which of them are allowed."""
        eps = self.eps.tolist()
        # The minimum is at most chi2 on the grid: where that is below the level, so is the minimum.
        below = (self.projected(pair) <= level).tolist()
        first, last = below.index(True), len(below) - 1 - below[::-1].index(True)
        # Weak charges are linear in eps, so that diagonals beyond an excluded one are excluded too.
        while first > 0 and below[first]:
            first -= 1
            below[first] = self.at(pair, eps[first]) <= level
        while last < len(eps) - 1 and below[last]:
            last += 1
            below[last] = self.at(pair, eps[last]) <= level
        for k in range(first + 1, last):
            below[k] = below[k] or self.at(pair, eps[k]) <= level
        return eps[first : last + 1], below[first : last + 1]


def _local_minima(chi2: np.ndarray, most: int) -> list[tuple[int, ...]]:
    """Indices of the lowest local minima of an array, lowest first."""
    lowest = np.argwhere(chi2 == ndimage.minimum_filter(chi2, size=3, mode="nearest"))
    order = np.argsort(chi2[tuple(lowest.T)], kind="stable")
    return [tuple(int(i) for i in lowest[j]) for j in order[:most]]


def _descend(
    value_and_grad: ValueAndGrad, start: np.ndarray, bounds: list[tuple[float, float]]
) -> tuple[float, np.ndarray]:
    minimum: Any = optimize.minimize(
        value_and_grad,
        start,
        jac=True,
        method="SLSQP",
        bounds=bounds,
        options={"ftol": 1e-13, "maxiter": 500},
    )
    return float(minimum.fun), np.asarray(minimum.x)
