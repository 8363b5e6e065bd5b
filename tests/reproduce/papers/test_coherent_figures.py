"""Figures of COHERENT data: drawn events sum to the numbers of the fits and of the releases."""

import numpy as np
import pytest

from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.figures.coherent_fits import projected

# Events observed, of which the steady state is part, and those of the best fit by name.
KNOWN = {
    "coherent2017": (855, {"cevns": 132.295}),
    "coherent2020_lar": (None, {"cevns": 159.71, "brn": 552.10, "delayed brn": 10.51}),
    "coherent2021": (1578, {"cevns": 308.694}),
}
SOURCES = (r"$\nu_e$", r"$\nu_\mu$", r"$\bar{\nu}_\mu$")
SLOW = pytest.mark.slow
COHERENT = [
    "coherent2017",
    pytest.param("coherent2020_lar", marks=SLOW),
    pytest.param("coherent2021", marks=SLOW),
]


def stacks(axes):
    """Total events of each drawn component by name; densities are multiplied by bin widths."""
    per = 1.0
    out = {}
    for patch in axes.patches:
        values, edges, baseline = patch.get_data()
        if patch.get_label() == "total":
            continue
        width = np.diff(edges)
        per = 1.0 if np.allclose(width, width[0]) else width
        out[patch.get_label()] = float(np.sum((values - baseline) * per))
    return out


@pytest.mark.parametrize("paper", COHERENT)
def test_every_panel_sums_to_the_fit(paper):
    (drawn,) = PAPERS[paper].figures()
    figure = drawn.draw()
    columns = len(figure.axes) // 2
    observed, expected = KNOWN[paper]
    for upper in figure.axes[:columns]:
        stacked = stacks(upper)
        total = {"cevns": sum(stacked.pop(s) for s in SOURCES), **stacked}
        assert {n: total[n] for n in expected} == pytest.approx(expected, abs=0.02)
        (points,) = [c for c in upper.containers if c.get_label() == "data"]
        _, _, (bars,) = points.lines
        segments = np.array(bars.get_segments())
        width = np.diff(upper.patches[0].get_data()[1])
        per = 1.0 if np.allclose(width, width[0]) else width
        halves = per * (segments[:, 1, 1] - segments[:, 0, 1]) / 2
        if observed is not None:
            # An error bar is the root of all counts in its bin: squares sum to the observed events.
            assert np.sum(halves**2) == pytest.approx(observed, abs=1.01)


def test_one_axis_is_kept():
    counts = np.arange(24.0)
    np.testing.assert_allclose(projected(counts, (2, 3, 4), 1), [60, 92, 124])
    assert projected(counts, (2, 3, 4), 2).sum() == counts.sum()
