"""Predictions by component with nuisances applied, for Gaussian and Poisson experiments."""

import numpy as np
import pytest

from cevnsjax.experiments import csi_2017, csi_2021
from cevnsjax.model import Model


@pytest.mark.parametrize("experiment", [csi_2017, csi_2021])
def test_components_add_up_to_expected(experiment):
    model = Model(experiment())
    draw = np.random.default_rng(5)
    values = {n: 0.2 * p.scale * draw.normal() for n, p in model.parameters.items() if p.linear}
    (name,) = model.experiments
    parts = model.predicted(values)[name]
    summed = sum([*parts["signal"].values(), *parts["background"].values()])
    np.testing.assert_allclose(summed, model.expected(values)[name], rtol=1e-12)
    before = model.by_component(values)[name]
    nominal = sum([*before["signal"].values(), *before["background"].values()])
    np.testing.assert_allclose(nominal, model.expected()[name], rtol=1e-12)


def test_pulls_multiply_their_component():
    model = Model(csi_2017())
    moved = model.predicted({"alpha_sig_csi2017": 0.5, "alpha_brn_csi2017": -0.1})["csi-2017"]
    still = model.by_component()["csi-2017"]
    for source, counts in still["signal"].items():
        np.testing.assert_allclose(moved["signal"][source], 1.5 * counts, rtol=1e-13)
    np.testing.assert_allclose(
        moved["background"]["prompt_neutrons"],
        0.9 * still["background"]["prompt_neutrons"],
        rtol=1e-13,
    )
