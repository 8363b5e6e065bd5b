"""A template on a product grid, folded: polynomials in one variable along each row."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.model.structure import Observed
from cevnsjax.model.templates.polynomial import Grids, Polynomial
from cevnsjax.model.templates.rows import GaussianRows

Places = Sequence[Int[np.ndarray, " row"]]
"""Where rows are on each outer axis."""


class FoldedTemplate:
    """Monomials of a template as weights of rows times powers of the variable along them.

    Variables are counted from the template's centre in units of the farthest grid point, so that
    a coefficient is the contribution of its monomial there.

    Attributes:
        inner: The axis along rows, the longest that is a variable of the template.
        outer: The axes that number rows, in the grid's order.
        coefficients: Coefficients of monomials, the constant first, [monomial, table, output].
            There is one table of them, or one for each point of an axis that is not a variable.
        powers: Power of the variable along rows in each monomial, [monomial].
        t: The variable along rows, or the power of it that all monomials share, [point] [1].
        prepared: Rows of a grid that used the template last, and the data they are for.
    """

    def __init__(self, template: Polynomial, grids: Grids) -> None:
        # The last of equals: results then lie in memory in the order of the axes.
        self.inner = max(reversed(template.axes), key=lambda n: grids[n].size)
        self.outer = tuple(n for n in grids if n != self.inner)
        self.prepared: tuple[Observed, list[GaussianRows]] | None = None
        k = template.axes.index(self.inner)
        away = [grids[n] - c for n, c in zip(template.axes, template.centre, strict=True)]
        farthest = np.array([np.max(np.abs(d)) or 1.0 for d in away])
        x = [d / size for d, size in zip(away, farthest, strict=True)]
        powers = template.exponents[:, k]
        common = max(1, int(np.gcd.reduce(powers)))
        ratio = farthest[:, None] / template.scale
        size = np.prod(ratio[None] ** template.exponents[:, :, None], axis=1)
        self.coefficients = template.coefficients * size[:, :, None]
        self.powers = powers // common
        self.t = x[k] ** common
        # Powers of each outer variable in each monomial, with the variable's outer axis.
        self._factors = [
            [
                (self.outer.index(n), x[j] ** e)
                for j, (n, e) in enumerate(zip(template.axes, exponents, strict=True))
                if j != k and e > 0
            ]
            for exponents in template.exponents.tolist()
        ]
        numbering = [j for j, n in enumerate(self.outer) if n not in template.axes]
        self._numbering = numbering[0] if numbering else None

    def weights(self, places: Places, rows: int) -> Float[np.ndarray, "monomial row"]:
        """Factors of the monomials in some rows, apart from the variable along them [1]."""
        out = np.ones((len(self._factors), rows))
        for weight, factors in zip(out, self._factors, strict=True):
            for axis, values in factors:
                np.multiply(weight, values[places[axis]], out=weight)
        return out

    def tables(self, places: Places) -> Int[np.ndarray, " row"] | None:
        """The table of coefficients that each row takes; None if there is one only."""
        return None if self._numbering is None else places[self._numbering]

    def row_coefficients(self, places: Places, rows: int) -> Float[np.ndarray, "power row output"]:
        """Coefficients of the polynomials along some rows."""
        weights, tables = self.weights(places, rows), self.tables(places)
        out = []
        for power in range(int(self.powers.max()) + 1):
            chosen = self.powers == power
            if tables is None:
                out.append(weights[chosen].T @ self.coefficients[chosen, 0])
            else:
                of_rows = self.coefficients[chosen][:, tables]
                out.append(np.einsum("mr,mro->ro", weights[chosen], of_rows))
        return np.stack(out)
