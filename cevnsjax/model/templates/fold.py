"""A template on a product grid, folded: polynomials in one variable along each row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cevnsjax.model.templates.polynomial import Polynomial


class FoldedTemplate:
    """Monomials of a template as weights of rows times powers of the variable along them.

    Variables are counted from the template's centre in units of the farthest grid point, so that
    a coefficient is what its monomial contributes there.

    Attributes:
        inner: The axis along rows, the longest that is a variable of the template.
        outer: The axes that number them, in the grid's order.
        coefficients: Of monomials, the constant first; [monomial, own row, output], with one row
            unless an axis that is no variable of the template numbers them.
        powers: Power of the variable along rows in each monomial, [monomial].
        t: That variable, a power of the inner axis's if all monomials are, [point] [1].
        kept: What a grid made of it and may use again, by the data it was made for.
    """

    def __init__(self, template: Polynomial, grids: Mapping[str, np.ndarray]) -> None:
        """Fold a template.

        Args:
            template: The polynomial.
            grids: Values of each axis.
        """
        # The last of equals: results then lie in memory in the order of the axes.
        self.inner = max(reversed(template.axes), key=lambda n: grids[n].size)
        self.outer = tuple(n for n in grids if n != self.inner)
        self.kept: tuple[Any, Any] | None = None
        k = template.axes.index(self.inner)
        x, reach = _reduced(template, grids)
        powers = template.exponents[:, k]
        common = max(1, int(np.gcd.reduce(powers)))
        ratio = np.array(reach)[:, None] / template.scale
        size = np.prod(ratio[None] ** template.exponents[:, :, None], axis=1)
        self.coefficients = template.coefficients * size[:, :, None]
        self.powers = powers // common
        self.t = x[k] ** common
        # Powers of each outer variable that a monomial has, by its place among the outer axes.
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

    def weights(self, places: Sequence[np.ndarray], size: int) -> np.ndarray:
        """What multiplies each monomial in some rows, [monomial, row] [1].

        Args:
            places: Where the rows are on each outer axis, each [row].
            size: Number of rows.
        """
        out = np.ones((len(self._factors), size))
        for weight, factors in zip(out, self._factors, strict=True):
            for axis, values in factors:
                np.multiply(weight, values[places[axis]], out=weight)
        return out

    def own(self, places: Sequence[np.ndarray]) -> np.ndarray | None:
        """Which of the monomials' own rows each row takes, [row]; None if there is one only."""
        return None if self._numbering is None else places[self._numbering]

    def row_coefficients(self, places: Sequence[np.ndarray], size: int) -> np.ndarray:
        """Coefficients of the polynomials along some rows, [power, row, output]."""
        weights, own = self.weights(places, size), self.own(places)
        out = []
        for power in range(int(self.powers.max()) + 1):
            chosen = self.powers == power
            if own is None:
                out.append(weights[chosen].T @ self.coefficients[chosen, 0])
            else:
                mine = self.coefficients[chosen][:, own]
                out.append(np.einsum("mr,mro->ro", weights[chosen], mine))
        return np.stack(out)


def _reduced(
    template: Polynomial, grids: Mapping[str, np.ndarray]
) -> tuple[list[np.ndarray], list[float]]:
    """Each variable on its grid, counted from the centre over its reach, and the reach."""
    values, reach = [], []
    for name, centre in zip(template.axes, template.centre, strict=True):
        away = grids[name] - centre
        reach.append(float(np.max(np.abs(away))) or 1.0)
        values.append(away / reach[-1])
    return values, reach
