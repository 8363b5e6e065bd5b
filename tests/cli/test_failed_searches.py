"""Searches that fail, on the command line: flagged, noted in text and JSON, never converged."""

import json

import numpy as np
import pytest

from cevnsjax import Model

AXIS = "sin2_theta_w=0.1:0.4:31"


@pytest.fixture
def failing(monkeypatch):
    """Searches for pulls fail where sin2_theta_w is above 0.355."""
    expand, searched = Model.expand, Model.map_searched

    def distance_of(points):
        return np.where(np.asarray(points["sin2_theta_w"]) > 0.355, np.inf, 0.0)

    def expanded(self, values, points, **options):
        return expand(self, values, points, **options)._replace(distance=distance_of(points))

    def mapped(self, values, points, **options):
        return searched(self, values, points, **options)[0], distance_of(points)

    monkeypatch.setattr(Model, "expand", expanded)
    monkeypatch.setattr(Model, "map_searched", mapped)


@pytest.mark.usefixtures("failing")
def test_a_profile_fails_with_its_interval_and_notes(run):
    done = run("profile", "csi-2017", "--within", "0.1:0.4", "--level", "0.9", "--json")
    got = json.loads(done.out)
    assert done.code == 1
    assert got["status"].startswith("not converged: the nuisances were not found at")
    assert min(got["failed"]) > 0.355
    assert got["status"].splitlines()[0] in done.err
    assert any("bound no interval" in note for note in got["notes"])
    # The interval of the whole curve ends at 0.293, where all is well.
    np.testing.assert_allclose(got["intervals"]["0.90"], [[0.1544, 0.2929]], atol=1e-4)
    text = run("profile", "csi-2017", "--within", "0.1:0.4", "--level", "0.9", "--plot", "p.png")
    assert "bound no interval" in text.out
    assert text.code == 1


@pytest.mark.usefixtures("failing")
def test_a_scan_flags_and_notes_its_points(run):
    done = run("scan", "csi-2017", "--x", AXIS, "--plot", "s.png", "--json")
    got = json.loads(done.out)
    assert got["failed"] == got["converged"].count(False) == 5
    assert "at 5 points" in got["notes"][0]
    assert got["notes"][0] in done.err
    assert got["best_fit"]["sin2_theta_w"] == pytest.approx(0.22)


@pytest.mark.usefixtures("failing")
def test_a_fit_among_failures_is_not_converged(run):
    words = ("fit", "csi-2017", "--bounds", "sin2_theta_w=0.36:0.4", "--json")
    done = run(*words)
    assert done.code == 1
    got = json.loads(done.out)
    assert got["status"].startswith("not converged: the solved nuisances are not at their minimum")
