"""Contours of scans: points whose search failed are gaps."""

import numpy as np
import pytest
import xarray as xr

from cevnsjax.plots.likelihoods.scans import converged_chi2, scan_contours


def dataset(converged):
    x = np.linspace(-1.0, 1.0, 21)
    chi2 = np.where(converged, 30 * (x[:, None] ** 2 + x**2), -1e5)
    variables = {"chi2": (("x", "y"), chi2), "converged": (("x", "y"), converged)}
    return xr.Dataset(variables, coords={"x": x, "y": x})


def test_failed_points_are_gaps_and_no_minimum():
    """A failed point far below the others moves neither best fit nor levels."""
    converged = np.ones((21, 21), dtype=bool)
    whole = dataset(converged)
    converged = converged.copy()
    converged[2, 3] = False
    holed = dataset(converged)
    masked = converged_chi2(holed)
    assert np.isnan(masked.values[2, 3])
    assert float(masked.min()) == pytest.approx(0.0, abs=1e-12)
    areas = []
    for scan in (whole, holed):
        (axes,) = scan_contours({"one": scan}, levels=[0.90]).axes
        paths = [p.vertices for c in axes.collections for p in c.get_paths() if len(p.vertices)]
        areas.append(np.ptp(np.concatenate(paths), axis=0))
    np.testing.assert_allclose(areas[0], areas[1])


def test_scans_without_flags_are_taken_as_they_are():
    scan = dataset(np.ones((21, 21), dtype=bool))
    assert converged_chi2(scan.drop_vars("converged")) is not None
    np.testing.assert_array_equal(converged_chi2(scan), scan["chi2"])
