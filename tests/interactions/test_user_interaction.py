"""A user's own interaction: a function made outside the package behaves like a built-in one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax import (
    NSI,
    Charges,
    Interaction,
    LightVector,
    Model,
    Normal,
    Parameter,
    StandardModel,
    fit,
    profile,
    scan,
    spectrum,
)
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017


def contact(values, nucleus):
    """The same as eps_uV_ee, by another name."""
    charge = values["my_eps"] * (2 * nucleus.ZF_p + nucleus.NF_n)
    return Charges(vector={(s, "e"): charge for s in nucleus.sources if s == "nu_e"})


contact.parameters = [
    Parameter("my_eps", "a contact interaction", 0.0, (-10.0, 10.0), scale=0.1, latex=r"\epsilon")
]


def heavy(values, nucleus):
    """A rate with the scalar's spectrum, and an amplitude that depends on q^2 and on the SM."""
    slope = values["heavy_slope"] * nucleus.q2 / 1e4 * values["sin2_theta_w"]
    return Charges(
        vector={(s, "mu"): slope * nucleus.NF_n for s in nucleus.sources if "mu" in s},
        scalar=dict.fromkeys(nucleus.sources, values["heavy_rate"] * nucleus.F_n**2),
    )


heavy.parameters = [
    Parameter("heavy_slope", "slope", 0.1, (-1.0, 1.0)),
    Parameter("heavy_rate", "rate", 20.0, (0.0, 100.0), prior=Normal(20.0, 5.0)),
]
heavy.structures = ("vector", "scalar")


@pytest.fixture(scope="module")
def own():
    return Model(csi_2017(), [StandardModel(), contact])


@pytest.fixture(scope="module")
def built_in():
    return Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee")])


def test_equals_the_built_in(own, built_in):
    for eps in (-0.7, 0.0, 0.3):
        got, expected = own.nll({"my_eps": eps}), built_in.nll({"eps_uV_ee": eps})
        assert float(got) == pytest.approx(float(expected), rel=1e-13)
    value, slope = own.value_and_grad({"my_eps": 0.3})
    expected, expected_slope = built_in.value_and_grad({"eps_uV_ee": 0.3})
    assert value == pytest.approx(expected, rel=1e-13)
    assert slope["my_eps"] == pytest.approx(expected_slope["eps_uV_ee"], rel=1e-12)
    assert own.parameters["my_eps"].bounds == (-10.0, 10.0)
    with pytest.raises(InputError, match=r"my_eps=11 is outside its bounds"):
        own.nll({"my_eps": 11.0})


def test_fits_profiles_and_scans(own, built_in):
    assert fit(own, ["my_eps"]).values["my_eps"] == pytest.approx(
        fit(built_in, ["eps_uV_ee"]).values["eps_uV_ee"], abs=1e-8
    )
    got = profile(own, "my_eps", levels=(0.9,), within=(-1, 1)).intervals["0.90"]
    expected = profile(built_in, "eps_uV_ee", levels=(0.9,), within=(-1, 1)).intervals["0.90"]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    grids = scan(own, my_eps=(-1, 1, 5)), scan(built_in, eps_uV_ee=(-1, 1, 5))
    np.testing.assert_allclose(grids[0]["chi2"], grids[1]["chi2"], rtol=1e-12)


@pytest.mark.parametrize("quantity", ["counts", "dR_dT_nr", "dsigma_dT_nr"])
def test_spectra(own, built_in, quantity):
    got = spectrum(own, {"my_eps": 0.3}, quantity=quantity)
    expected = spectrum(built_in, {"eps_uV_ee": 0.3}, quantity=quantity)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_structures_parameters_and_gradients():
    """Several structures, priors, other parameters' values, exact gradients."""
    model = Model(csi_2017(), [heavy, StandardModel(), LightVector()])
    assert model.interactions[1] is heavy
    assert model.parameters["heavy_rate"].prior == Normal(20.0, 5.0)
    values = {"heavy_slope": 0.2, "heavy_rate": 30.0, "g_Zp": 1e-5, "sin2_theta_w": 0.22}
    _, slopes = model.value_and_grad(values)
    for name, slope in slopes.items():
        h = 1e-5 * max(abs(values[name]), 1e-9)
        up, down = (float(model.profiled_nll({**values, name: values[name] + d})) for d in (h, -h))
        assert slope == pytest.approx((up - down) / (2 * h), rel=2e-5, abs=1e-7), name
    grid = jax.vmap(lambda r: model.nll({"heavy_rate": r}))(jnp.array([0.0, 50.0]))
    assert np.all(np.isfinite(grid))


def test_own_subclass():
    """A frozen class with options works as well, equal by its options."""

    class Constant(Interaction):
        def own_parameters(self):
            return [Parameter("constant", "added charge", 0.0)]

        def __call__(self, values, nucleus):
            return Charges(vector={("nu_e", "e"): self.size * values["constant"] * nucleus.F_p})

    assert Constant(size=2.0) == Constant(size=2.0) != Constant(size=1.0)
    one = Model(csi_2017(), [Constant(size=2.0)])
    assert one.state.structure is Model(csi_2017(), [Constant(size=2.0)]).state.structure
    assert float(one.nll({"constant": 3.0})) != float(one.nll())
    with pytest.raises(AttributeError, match="frozen"):
        Constant(size=2.0).size = 3.0


# --- what goes wrong ---
def bare(values, nucleus):
    del values, nucleus
    return Charges()


def test_missing_parameters():
    with pytest.raises(InputError, match=r"bare declares no parameters; set bare\.parameters ="):
        Model(csi_2017(), [StandardModel(), bare])


def test_parameters_of_another_kind():
    def wrong(values, nucleus):
        return bare(values, nucleus)

    wrong.parameters = ["my_eps"]
    with pytest.raises(
        InputError, match=r"wrong: parameters must be .*Parameter, got \['my_eps'\]"
    ):
        Model(csi_2017(), [StandardModel(), wrong])


def test_undeclared_structure():
    def loud(values, nucleus):
        return heavy(values, nucleus)

    loud.parameters = heavy.parameters
    model = Model(csi_2017(), [StandardModel(), loud])
    with pytest.raises(InputError, match=r"fills 'scalar' charges; add it to its 'structures'"):
        model.nll()


def test_unknown_structure():
    def odd(values, nucleus):
        return bare(values, nucleus)

    odd.parameters, odd.structures = [], ("vectro",)
    with pytest.raises(InputError, match=r"unknown structures \['vectro'\]; known are \['vector'"):
        Model(csi_2017(), [odd])


def test_parameter_owned_twice():
    def other(values, nucleus):
        return contact(values, nucleus)

    other.parameters = contact.parameters
    with pytest.raises(InputError, match="parameter my_eps is owned by both"):
        Model(csi_2017(), [contact, other])


def test_unknown_source():
    """A misspelt source is named, with the ones there are."""

    def misspelt(values, nucleus):
        del values
        return Charges(vector={("nu_m", "mu"): nucleus.F_p})

    misspelt.parameters = []
    with pytest.raises(
        UnknownNameError, match="unknown neutrino source 'nu_m'; did you mean nu_mu"
    ):
        Model(csi_2017(), [misspelt]).nll()
