"""Notes on solved nuisances: negative components, and minima that searches may miss."""

from dataclasses import replace

import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax.experiments import csi_2017, csi_2021
from cevnsjax.inference.fits.nuisance_notes import Place, notes_on_nuisances
from cevnsjax.likelihood.curved import is_only_minimum

SIG = "alpha_sig_csi2017"
NEGATIVE = f"{SIG} below -1: signal of csi-2017 is negative"


def below_background():
    """Data so low that a wide pull makes the signal negative, as nothing bounds it."""
    e = csi_2017(pulls={"sig": 5.0})
    return cj.Model(e.with_data(np.asarray(e.backgrounds["prompt_neutrons"]) - 30.0))


def test_profiles_and_scans_note_negative_components(tmp_path):
    model = below_background()
    profile = cj.profile(model, "sin2_theta_w")
    assert any(n.startswith(f"{NEGATIVE} at sin2_theta_w = ") for n in profile.notes)
    axes = {"sin2_theta_w": (0.2, 0.3, 3)}
    notes = cj.scan(model, **axes).attrs["notes"]
    assert [n.startswith(f"{NEGATIVE} at sin2_theta_w = ") for n in notes] == [True]
    stored = cj.scan(model, **axes, output=tmp_path / "scan.nc")
    # A list of one text is a text in a netCDF file.
    assert NEGATIVE in str(stored.attrs["notes"])


def test_nothing_is_noted_where_all_is_well():
    model = cj.Model(csi_2017())
    assert not any("below -1" in n for n in cj.profile(model, "sin2_theta_w").notes)
    assert cj.scan(model, sin2_theta_w=(0.2, 0.3, 3)).attrs["notes"] == []


def mixed(sd):
    """The signal of csi-2021 with a normal pull and a lognormal one beside it."""
    e = csi_2021()
    beside = replace(e.pulls[0], name="alpha_beside", sd=sd, kind="lognormal")
    return cj.Model(replace(e, pulls=(*e.pulls, beside)))


@pytest.mark.parametrize(("pull", "chi2", "is_noted"), [(0.1, 4.0, False), (6.0, 40.0, True)])
def test_further_minima_of_a_pull_alone(pull, chi2, is_noted):
    """A pull of 28 % at +6 lies beyond f = e, where its penalty is no longer convex."""
    model = cj.Model(csi_2021(pulls={"sig": cj.Pull(0.28, kind="lognormal")}))
    notes = notes_on_nuisances(model, [Place("there", chi2, {"alpha_sig_csi2021": pull})])
    assert [n.split(" (")[0] for n in notes] == [
        "chi2 is not convex in alpha_sig_csi2021"
    ] * is_noted


def test_further_minima_of_a_pull_beside_another():
    notes = notes_on_nuisances(mixed(2.0), [Place("there", 1.0, {"alpha_beside": 0.0})])
    assert [n.split(" (")[0] for n in notes] == ["chi2 is not convex in alpha_beside"]


def test_what_is_called_the_only_minimum_is_so():
    """One cell with the counts f of one lognormal pull, on a dense grid of the pull."""
    grid, called, rng = np.linspace(-30, 30, 60001), 0, np.random.default_rng(3)
    for _ in range(200):
        width, n = rng.uniform(0.1, 2.5), 10 ** rng.uniform(-1, 3)
        signal, background = 10 ** rng.uniform(-1, 3, 2)
        mu = background + signal * np.exp(np.minimum(width * grid, 100))
        chi2 = 2 * (mu - n + n * np.log(n / mu)) + grid**2
        is_minimum = (chi2[1:-1] <= chi2[:-2]) & (chi2[1:-1] <= chi2[2:])
        minima = 1 + np.flatnonzero(is_minimum)
        for i in minima:
            if is_only_minimum(width, 1.0, grid[i], chi2[i], np):
                called += 1
                assert chi2[i] <= chi2.min() + 1e-4 * (1 + chi2.min())
    assert called > 50
