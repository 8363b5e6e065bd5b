"""Panels to start from break where the detector has its scales, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from cevnsjax.detector.efficiency import Logistic
from cevnsjax.detector.resolution import GaussianSmearing
from cevnsjax.detector.start import starting_panels
from cevnsjax.experiments import csi_2017

# End-point recoil of Cs about [MeV].
ENDS = np.array([0.0474])
EDGES = (6.0, 8.0, 12.0, 30.0)


def panels_of(**options):
    return starting_panels(replace(csi_2017().detector, **options), ENDS)


@pytest.mark.parametrize("c", [1e-4, 1e-2])
def test_narrow_resolutions_break_panels_about_edges(c):
    """At the edge, and 3 and 8 of the widths c sqrt(x) on both sides."""
    detector = replace(csi_2017().detector, resolution=GaussianSmearing(c), edges=EDGES)
    x = np.asarray(detector.observable(starting_panels(detector, ENDS).roots ** 2, {}, np))
    for edge in EDGES:
        about = edge + c * np.sqrt(edge) * np.array([-8, -3, 0, 3, 8])
        assert np.abs(x[:, None] - about).min(axis=0).max() < 1e-3 * c


def test_broad_resolutions_have_eight_panels():
    assert panels_of(resolution=GaussianSmearing(3.0), edges=EDGES).roots.size == 9


def test_a_narrow_turn_on_in_the_last_bin_is_broken_alike_on_both_sides():
    """Up to 40 widths of 0.1 below and above 20, whatever the width of the other bin."""
    turn_on = Logistic(0.9, 10.0, 20.0)
    panels = panels_of(resolution=None, edges=(6.0, 6.1, 30.0), efficiency=turn_on)
    above = [x - 20 for x in panels.levels if 20 < x < 30]
    below = [20 - x for x in reversed(panels.levels) if 6.1 < x < 20]
    assert 20.0 in panels.levels
    assert above == pytest.approx(below, abs=1e-9)
    assert (min(above), max(above)) == pytest.approx((0.2, 4.0))
