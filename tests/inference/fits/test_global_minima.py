"""Minima over all free parameters: searched once for all profiles of a model, in any order."""

import numpy as np
import pytest
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.inference.fits import global_minima as everything

NAMES = ("eps_uV_ee", "eps_dV_ee")
BOX = dict.fromkeys(NAMES, (-1.0, 1.0))


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.NSI(*NAMES)])


@pytest.fixture
def searches(monkeypatch):
    """List to which each search for minima appends its number of starts."""
    counted, search = [], everything.newton_many

    def counting(problem, starts):
        counted.append(len(starts))
        return search(problem, starts)

    monkeypatch.setattr(everything, "newton_many", counting)
    return counted


def test_profiles_over_the_same_parameters_share_them(model, searches):
    result = [
        cj.profile(model, a, free=[b], levels=0.90, within=BOX[a], bounds={b: BOX[b]})
        for a, b in (NAMES, NAMES[::-1])
    ]
    assert len(searches) == 1
    # Up to 8 quarks per neutron the rates of both couplings differ by Z/N alone: a flat valley.
    for one in result:
        assert 2 * everything.global_minima(model, NAMES, {}, None, BOX)[0].value == pytest.approx(
            one.chi2_min, abs=1e-6
        )
    assert len(searches) == 1


def test_other_bounds_values_and_data_are_searched_again(model, searches):
    for bounds in (BOX, {**BOX, NAMES[0]: (-0.5, 1.0)}):
        everything.global_minima(model, NAMES, {"sin2_theta_w": 0.2}, None, bounds)
    before = len(searches)
    everything.global_minima(model, NAMES, {"sin2_theta_w": 0.2}, None, BOX)
    assert len(searches) == before == 2
    data = model.toy(seed=1)
    for _ in range(2):
        everything.global_minima(model, NAMES, {}, data, BOX)
    assert len(searches) == before + 2


def test_coordinates_come_in_the_order_asked_for():
    """(x - 1)^2 + (y + 2)^2 has one minimum, wherever x stands."""
    objective = Toy(
        [parameter(n, bounds=(-5.0, 5.0)) for n in "xy"], lambda x, y: (x - 1) ** 2 + (y + 2) ** 2
    )
    for names, place in ((("x", "y"), (1.0, -2.0)), (("y", "x"), (-2.0, 1.0))):
        for one in everything.global_minima(objective, names, {}, None, {}):
            np.testing.assert_allclose(
                one.u * [objective.parameters[n].scale for n in names], place, atol=1e-6
            )
