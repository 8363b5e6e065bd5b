"""Golden entries, and functions that build the models and objects they describe."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import Helm, KleinNystrand, SymmetrizedFermi
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model
from cevnsjax.nuclei import isotope
from cevnsjax.rate import nucleus_charges

GOLDEN = Path(__file__).parents[1] / "golden"
ISOTOPES = {"Cs133": "133Cs", "I127": "127I", "Ar40": "40Ar"}
SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")
NAME = "csi-2017"
SHAPE = ("qf_scale", "qf_1", "qf_2")


def golden(name):
    """Entries of a golden file by id."""
    rows = json.loads((GOLDEN / f"{name}.json").read_text())["entries"]
    return {row["id"]: row for row in rows}


def entries(name, *prefixes):
    """Golden entries whose id starts with one of the prefixes, as pytest parameters."""
    rows = golden(name).values()
    parameters = [pytest.param(e, id=e["id"]) for e in rows if e["id"].startswith(prefixes or "")]
    assert parameters, f"no golden entry of {name} starts with {prefixes}"
    return parameters


def check(value, entry):
    """Compare with a golden entry within its own tolerance, never looser than 1e-9."""
    assert entry["rtol"] <= 1e-9
    np.testing.assert_allclose(value, entry["value"], rtol=entry["rtol"], atol=entry.get("atol", 0))


@dataclass(frozen=True)
class Unity:
    """A point nucleus: F = 1; a form-factor family made outside the package."""

    R_min: float = 0.0

    def __call__(self, q2, R_rms, *, near=False):
        del R_rms, near
        return jnp.ones_like(jnp.asarray(q2))

    def R_rms(self, A):
        del A
        return 0.0


def family(spec):
    """Form-factor family of a golden entry."""
    name = spec["family"]
    if name == "klein_nystrand":
        return KleinNystrand(a_k=spec["a_k"], r_A=spec["r_A"])
    if name == "symmetrized_fermi":
        return SymmetrizedFermi(spec["a"])
    if name == "unity":
        return Unity()
    return Helm(spec["s"], box="r_A" if name == "helm_pk" else "lewin_smith")


def standard_model(inputs):
    """StandardModel of a golden entry; families that tie the radius to A take no radii."""
    spec = inputs["form_factor"]
    radii = "per_nucleus" if spec["family"] == "helm_rms" else "formula"
    return StandardModel(inputs["couplings"]["scheme"], family(spec), radii, inputs["kinematics"])


def radii_values(spec):
    """Values dict of the radii of a helm_rms golden entry."""
    out = {}
    for name, pair in spec.get("radii", {}).items():
        symbol = isotope(ISOTOPES[name]).symbol
        out |= {f"R_p_{symbol}": pair["R_p"], f"R_n_{symbol}": pair["R_n"]}
    return out


def charge_squared(inputs, T_nr, source):
    """Q_V^2 with form factors of a golden entry, by way of the package's algebra of charges."""
    nucleus = isotope(ISOTOPES[inputs["nucleus"]])
    values = {"sin2_theta_w": inputs["couplings"]["sin2_theta_w"]}
    values |= radii_values(inputs["form_factor"])
    q2 = 2 * nucleus.mass * jnp.asarray(T_nr)
    charges = nucleus_charges((standard_model(inputs),), values, nucleus, q2, (source,))
    return charges.product("vector", "vector", source)


def csi_experiment(inputs, **options):
    """csi_2017 as a golden entry of counts or chi2 describes it."""
    x = inputs["experiment"]
    assert (x["neutrinos_per_proton"], x["n_pot"], x["L_m"]) == (0.08, 1.76e23, 19.3)
    edges = options.pop("bins", x["pe_edges"])
    experiment = csi_2017(x["quenching"], mass_kg=x["mass_kg"], bins=edges, **options)
    if "number_fractions" in x:
        f = [2 * x["number_fractions"][n] for n in ("Cs133", "I127")]
        per_kg = tuple(a * b for a, b in zip(f, experiment.target.per_kg, strict=True))
        experiment = replace(experiment, target=replace(experiment.target, per_kg=per_kg))
    return experiment


def csi_model(inputs, **options):
    """Model of a golden entry of counts or chi2."""
    defaults = {"sin2_theta_w": inputs["couplings"]["sin2_theta_w"]}
    radii = radii_values(inputs["form_factor"])
    defaults |= {k: v for k, v in radii.items() if not k.endswith("Ar")}
    return Model(csi_experiment(inputs, **options), [standard_model(inputs)], defaults=defaults)


@cache
def shape_model(smearing=None, bins=(6, 30), couplings="erler_su", qf_sd=None):
    """csi_2017 with all three quenching nuisances; cached, since it compiles."""
    experiment = csi_2017(smearing=smearing, shape=SHAPE, bins=bins, qf_sd=qf_sd)
    return Model(experiment, [StandardModel(couplings)])


def signal(model, values=None):
    """Signal before pulls, {source: NumPy array}."""
    by_source = model.by_component(values)[NAME]["signal"]
    return {source: np.asarray(counts) for source, counts in by_source.items()}


def worst_error(got, expected, floor=1e-6):
    """Largest error over bins, relative to the bin or, below ``floor`` of all counts, to those.

    A bin emptier than ``floor`` x total (a smeared tail, a bin at the end point) is compared
    with floor x total instead of with its own content.
    """
    total = sum(float(np.sum(c)) for c in expected.values())
    errors = [
        np.max(np.abs(got[s] - c) / np.maximum(np.abs(c), floor * total))
        for s, c in expected.items()
    ]
    return max(errors)
