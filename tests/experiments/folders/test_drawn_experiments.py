"""Whole experiments drawn by hypothesis, as folders, against a dense folding of their words."""

import numpy as np
import pytest
from hypothesis import given, settings
from support import dense, drawn, oracle
from support.experiment_folder import folder_of

from cevnsjax import Model
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import load

CSI = {
    "": {"name": "csi", "statistic": "poisson"},
    "target": {"mass_kg": 14.6, "material": "CsI"},
    "neutrinos": drawn.SOURCES["decay_at_rest"],
    "quenching": {
        "kind": "polynomial",
        "coefficients_mev": [0.0554628, 4.30681, -111.707, 840.384],
    },
    "binning": {"observable": "n_pe", "observable_per_kevee": 13.348, "edges": [4, 8, 20, 60]},
    "efficiency": {
        "kind": "logistic",
        "a": 0.6655,
        "k": 0.4942,
        "x_0": 10.8507,
        "steps": [[5.0, 0.5], [6.0, 1.0]],
    },
    "data": {"kind": "planned"},
}


@pytest.mark.parametrize(
    "smearing",
    [
        None,
        pytest.param("gamma", marks=pytest.mark.slow),
        pytest.param(0.58, marks=pytest.mark.slow),
    ],
)
def test_the_folding_against_adaptive_quadrature(smearing):
    """scipy.integrate.quad_vec of the reference of COHERENT's CsI data."""
    resolutions = {
        None: {"kind": "none"},
        "gamma": {"kind": "gamma", "shape_offset": 1.0, "shape_per_kevee": 9.56},
        0.58: {"kind": "gaussian", "c": 0.58},
    }
    values = CSI | {"resolution": resolutions[smearing]}

    def dsigma(T, E, nucleus, source):
        g_p, g_n = oracle.couplings("erler_su", 0.23857, "e" if source == "nu_e" else "mu")
        F_p, F_n = oracle.form_factor("helm")(np.sqrt(2 * nucleus.mass * T) / oracle.HBARC, nucleus)
        return oracle.vector(
            (g_p * nucleus.Z * F_p + g_n * nucleus.N * F_n) ** 2, T, E, nucleus.mass
        )

    expected = oracle.counts(
        values["binning"]["edges"],
        dsigma,
        oracle.csi_targets(14.6),
        oracle.fluence(0.08, 1.5e23, 20.0),
        "coherent2020",
        smearing=smearing,
    )
    np.testing.assert_allclose(dense.counts(values, {}), sum(expected.values()), rtol=1e-8)


def compare(folder, drawing, refusals):
    """The prediction of a drawn folder is right to 1e-5 of its largest cell, or refused."""
    values, tables = drawing
    expected = dense.counts(values, tables)
    try:
        counts = Model(load(folder_of(folder, values, **tables))).expected()["drawn"]
    except InputError as problem:
        refusals.append(str(problem))
        return
    np.testing.assert_allclose(counts, expected, rtol=0, atol=1e-5 * np.max(expected))


@pytest.mark.parametrize("resolution", drawn.RESOLUTIONS)
@pytest.mark.parametrize("number", [10, pytest.param(75, marks=pytest.mark.slow)])
def test_drawn_experiments(tmp_path, number, resolution):
    """Forty of them, and three hundred; one in ten may be refused."""
    refusals = []

    @settings(max_examples=number)
    @given(drawn.experiments(resolution))
    def each(drawing):
        compare(tmp_path, drawing, refusals)

    each()
    assert len(refusals) <= number / 10, refusals
