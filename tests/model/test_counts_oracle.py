"""The response-matrix prediction against adaptive quadrature over E_nu and T, bin by bin.

Relative errors per source and bin; bins below 1e-6 of all counts compare with 1e-6 of the total
(`helpers.worst_error`). Default nodes throughout.
"""

from functools import cache

import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.detector.quenching import coherent2020
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import KleinNystrand, SymmetrizedFermi
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

FLUENCE = oracle.fluence(0.08, 1.76e23, 19.3)
TARGETS = oracle.csi_targets(14.57)
EDGES = np.arange(6.0, 31.0, 2.0)
SMEARING = {"poisson": "poisson", "gamma": "gamma", "gaussian": 1.0}


def reference(
    quenching, kinematics="approximate", smearing=None, edges=EDGES, *, scheme="erler_su", **options
):
    """Counts of the oracle for CsI 2017, {source: [bin]}."""
    form = options.pop("form", oracle.form_factor("helm"))
    s2w = options.pop("s2w", 0.23857)
    dsigma = oracle.standard_model(scheme, s2w, form, kinematics)
    return oracle.counts(
        edges, dsigma, TARGETS, FLUENCE, quenching, smearing=smearing, kinematics=kinematics
    )


@cache
def smeared_reference(quenching, smearing):
    return reference(quenching, smearing=SMEARING[smearing])


@pytest.mark.parametrize("kinematics", ["approximate", "exact"])
@pytest.mark.parametrize("quenching", ["constant", "coherent2020", "pe117"])
def test_unsmeared(quenching, kinematics):
    model = Model(csi_2017(quenching), [StandardModel(kinematics=kinematics)])
    error = helpers.worst_error(helpers.signal(model), reference(quenching, kinematics))
    assert error < 1e-9


@pytest.mark.parametrize("smearing", SMEARING)
@pytest.mark.parametrize(
    "quenching",
    [
        pytest.param("constant", marks=pytest.mark.slow),
        "coherent2020",
        pytest.param("pe117", marks=pytest.mark.slow),
    ],
)
def test_smeared(quenching, smearing):
    model = Model(csi_2017(quenching, smearing=smearing))
    error = helpers.worst_error(helpers.signal(model), smeared_reference(quenching, smearing))
    assert error < 1e-8


@pytest.mark.parametrize("smearing", SMEARING)
def test_smeared_with_many_nodes(smearing):
    """With 40 nodes a panel only the physics and the inner integral are left to differ."""
    model = Model(csi_2017("coherent2020", smearing=smearing, nodes=40))
    error = helpers.worst_error(helpers.signal(model), smeared_reference("coherent2020", smearing))
    assert error < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("smearing", SMEARING)
def test_smeared_exact_kinematics(smearing):
    model = Model(csi_2017("coherent2020", smearing=smearing), [StandardModel(kinematics="exact")])
    expected = reference("coherent2020", "exact", SMEARING[smearing])
    assert helpers.worst_error(helpers.signal(model), expected) < 1e-8


@pytest.mark.parametrize(
    ("quenching", "edges"), [("constant", (0, 50)), ("coherent2020", (0, 50)), ("constant", (4, 6))]
)
def test_wide_ranges(quenching, edges):
    """Bins through the steps of the acceptance at 5 and 6 PE and up to the end point."""
    fine = np.arange(edges[0], edges[1] + 1.0, 2.0)
    got = helpers.signal(Model(csi_2017(quenching, bins=edges)))
    assert helpers.worst_error(got, reference(quenching, edges=fine)) < 1e-9


@pytest.mark.parametrize("scheme", ["tree", "pdg2018", "erler_su_printed"])
def test_schemes_and_families(scheme):
    """Other couplings with other families, away from the default weak mixing angle."""
    families = {
        "tree": (KleinNystrand(r_A=1.2), oracle.form_factor("klein_nystrand")),
        "pdg2018": (SymmetrizedFermi(), oracle.form_factor("symmetrized_fermi")),
        "erler_su_printed": (helpers.Unity(), oracle.form_factor("unity")),
    }
    family, form = families[scheme]
    model = Model(csi_2017("pe117"), [StandardModel(scheme, family, "formula")])
    expected = reference("pe117", scheme=scheme, form=form, s2w=0.3)
    assert helpers.worst_error(helpers.signal(model, {"sin2_theta_w": 0.3}), expected) < 1e-9


SHAPES = [(0.5, 0, 0), (2.0, 0, 0), (3.0, 3, -3), (1.0, -3, 3), (0.7, 1.5, -1), (1.3, -3, -3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_moved_quenching(shape):
    """Shape parameters move the nodes inside the trace; bins beyond the end point are empty."""
    values = dict(zip(helpers.SHAPE, map(float, shape), strict=True))
    # A width that lets the scale go so far.
    model = helpers.shape_model(bins=(6, 50), qf_sd=0.5)
    got = helpers.signal(model, {f"{k}_csi2017": v for k, v in values.items()})
    curve = coherent2020()
    expected = reference(
        lambda T: 13348 * curve.E_ee(T, values, np), edges=np.arange(6.0, 51.0, 2.0)
    )
    assert helpers.worst_error(got, expected) < 1e-9
    if shape[0] == 0.5:
        assert got["nu_e"][-1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_moved_quenching_smeared(shape):
    values = dict(zip(helpers.SHAPE, map(float, shape), strict=True))
    got = helpers.signal(
        helpers.shape_model("poisson", qf_sd=0.5), {f"{k}_csi2017": v for k, v in values.items()}
    )
    curve = coherent2020()
    expected = reference(lambda T: 13348 * curve.E_ee(T, values, np), smearing="poisson")
    assert helpers.worst_error(got, expected) < 1e-8
