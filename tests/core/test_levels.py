"""chi2 of confidence levels: n sigma exactly, and quantiles of scipy.stats.chi2."""

import pytest

from cevnsjax.core.levels import delta_chi2_at


@pytest.mark.parametrize(
    ("level", "dof", "expected"),
    [
        (0.6827, 1, 1.0),
        (0.9545, 1, 4.0),
        (0.9973, 1, 9.0),
        (0.90, 1, 2.705543454095),
        (0.6827, 2, 2.295748928899),
        (0.90, 2, 4.605170185988),
    ],
)
def test_delta_chi2(level, dof, expected):
    assert delta_chi2_at(level, dof) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("level", "value"),
    [(0.9973, 9), (0.99994, 16), (0.9999994, 25), (0.9999, 15.1367), (0.999999, 23.9281)],
)
def test_only_printed_sigmas_are_exact_ones(level, value):
    """The last two lie near 4 and 5 sigma and are quantiles of their own (scipy.stats.chi2.isf)."""
    assert delta_chi2_at(level) == pytest.approx(value, rel=2e-6)
