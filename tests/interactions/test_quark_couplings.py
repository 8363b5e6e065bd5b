"""Generalized quark couplings against eqs. 12-21 of PRD 98, 075018, with its charges typed here."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.constants import physical_constants

from cevnsjax import GeneralizedInteractions, NucleusAtNodes
from cevnsjax.cross_section import kernels, rates
from cevnsjax.nuclei import isotope

F_P, F_N = 0.9, 0.8
T, E = 0.01, 40.0
NUCLEUS = isotope("133Cs")
M_P, M_N = (
    physical_constants[f"{nucleon} mass energy equivalent in MeV"][0]
    for nucleon in ("proton", "neutron")
)
# Per quark, (proton, neutron): m f_Tq/m_q, valence quarks, and delta_q of the tensor.
CHARGES = {
    ("u", "S"): (M_P * 0.019 / 2.16, M_N * 0.023 / 2.16),
    ("d", "S"): (M_P * 0.041 / 4.67, M_N * 0.034 / 4.67),
    ("u", "V"): (2, 1),
    ("d", "V"): (1, 2),
    ("u", "T"): (0.54, -0.23),
    ("d", "T"): (-0.23, 0.54),
}
KIND = {"S": "S", "P": "S", "V": "V", "A": "V", "T": "T"}
NAMES = ("C_{}_S", "D_{}_P", "C_{}_V", "D_{}_A", "C_{}_T", "D_{}_T")


def rate(values, source):
    """dsigma/dT of one energy beyond the Standard Model, in units of G_F^2 M/pi."""
    ngi = GeneralizedInteractions(*values)
    form_factors = jnp.array([F_P]), jnp.array([F_N])
    at = NucleusAtNodes(NUCLEUS, jnp.array([2 * NUCLEUS.mass * T]), *form_factors, (source,))
    moments = {source: tuple(np.array([E**-k]) for k in range(3))}
    kernel = kernels(np.array([T]), NUCLEUS, moments, "approximate", ngi.structures)
    return float(rates(ngi(values, at), kernel)[source][0])


def nuclear(name, value):
    """C_X or D_X of the nucleus."""
    _, quark, index = name.split("_")
    proton, neutron = CHARGES[quark, KIND[index]]
    return value * (NUCLEUS.Z * proton * F_P + NUCLEUS.N * neutron * F_N)


@pytest.mark.parametrize(("form", "quark"), list(product(NAMES, "ud")))
def test_one_coupling(form, quark):
    """C^2/4 of x, 1 - x and, eightfold, 1 - x/2 - T/E, with x = T/T_max."""
    name, x = form.format(quark), NUCLEUS.mass * T / (2 * E**2)
    shape = {"S": x, "V": 1 - x, "T": 8 * (1 - x / 2 - T / E)}[KIND[name[-1]]]
    expected = nuclear(name, 0.3) ** 2 / 4 * shape
    assert rate({name: 0.3}, "nu_mu") == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("letters", "sign"), [("C_u_S C_d_T", 1), ("D_d_P D_u_T", -1)])
def test_scalar_and_tensor_mix(letters, sign):
    """N^2 R = 2 (C_S C_T - D_P D_T) times -T/4E, with the other sign for antineutrinos."""
    values = dict(zip(letters.split(), (0.3, 0.02), strict=True))
    mixed = 2 * sign * np.prod([nuclear(n, v) for n, v in values.items()]) * T / (4 * E)
    for source, orientation in (("nu_e", -1), ("nu_mu_bar", 1)):
        apart = sum(rate({n: v}, source) for n, v in values.items())
        assert rate(values, source) - apart == pytest.approx(orientation * mixed, rel=1e-6)
