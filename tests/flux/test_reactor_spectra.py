"""Predictions of reactor spectra: published yields, tables, numbers per fission, captures."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import load, write_template
from cevnsjax.flux.reactor import ReactorSource
from cevnsjax.flux.reactor_spectra import BELOW, ISOTOPES, PREDICTIONS
from cevnsjax.nuclei import target
from cevnsjax.rate import dR_dT_nr
from cevnsjax.tables import read_csv

MIX = {"U235": 0.561, "U238": 0.076, "Pu239": 0.307, "Pu241": 0.056}


def one(isotope, **options):
    return ReactorSource(1.0, 10.0, 1.0, {isotope: 1.0}, **options)


def density(flux, E):
    """Antineutrinos per fission and MeV."""
    return flux.spectrum("nu_e_bar", np.asarray(E), np) * flux.neutrinos_per_fission


def ibd_yield(flux):
    """Inverse beta decay [1e-43 cm^2 per fission], astro-ph/0302055, eq. 25, good to 1 %."""

    def integrand(E):
        E_e, log_E = E - 1.293, np.log(E)
        p_e = np.sqrt(max(E_e**2 - 0.511**2, 0))
        power = -0.07056 + 0.02018 * log_E - 0.001953 * log_E**3
        return float(density(flux, E)) * p_e * E_e * E**power

    parts = pairwise((1.804, 2.0, 4.0, 6.0, 10.0))
    return sum(quad(integrand, a, b, epsrel=1e-5, limit=200)[0] for a, b in parts)


# Fits of reactor rates and Daya Bay, C. Giunti, PRD 96, 033005: value and sd.
MEASURED = {"U235": (6.29, 0.08), "Pu239": (4.24, 0.21)}
# Huber and Mueller, as C. Giunti, PLB 764, 145, quotes them.
IBD_YIELDS = {"U238": 10.10, "Pu241": 6.03}


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_yields_of_the_summation(isotope):
    """Within two deviations of the measured yields, 10 % of others where none is measured."""
    value, sd = MEASURED.get(isotope, (IBD_YIELDS.get(isotope), 0))
    found = ibd_yield(one(isotope, prediction="bestiole"))
    assert found == pytest.approx(value, abs=2 * sd or 0.1 * value)


def test_kopeikin_lowers_huber_by_the_measured_factor():
    """1.054 +- 0.002 between the beta spectra of 235U and 239Pu, 1.45 +- 0.03 between yields."""
    kopeikin = ibd_yield(one("U235", prediction="kopeikin"))
    assert ibd_yield(one("U235")) / kopeikin == pytest.approx(1.054, abs=0.003)
    assert kopeikin / ibd_yield(one("Pu239", prediction="kopeikin")) == pytest.approx(
        1.45, abs=0.005
    )
    for isotope in ("Pu239", "Pu241"):
        flux = one(isotope, prediction="kopeikin")
        assert flux.neutrinos_per_fission == one(isotope).neutrinos_per_fission


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_hayes_is_within_the_errors_of_huber_and_mueller(isotope):
    """10 % where most antineutrinos are; above, the summation has the shoulder at 5 to 6 MeV."""
    E = np.linspace(2.3, 4.5, 12)
    ratio = density(one(isotope, prediction="hayes"), E) / density(one(isotope), E)
    np.testing.assert_allclose(ratio, 1.0, atol=0.095)


# --- numbers per fission ---
# Sums of the table's bins of 0.025 MeV.
PER_FISSION = {"U235": 6.07774, "U238": 7.16338, "Pu239": 5.50293, "Pu241": 6.26096}


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_antineutrinos_per_fission(isotope):
    """Half a bin at the start is left out; the default has 3 to 9 % fewer."""
    summed = one(isotope, prediction="bestiole").neutrinos_per_fission
    assert summed == pytest.approx(PER_FISSION[isotope], rel=3e-3)
    assert 0.03 < 1 - one(isotope).neutrinos_per_fission / summed < 0.09
    below = one(isotope, below_2_mev="bestiole").neutrinos_per_fission
    assert 0.03 < 1 - one(isotope).neutrinos_per_fission / below < 0.09


def test_captures():
    """Two antineutrinos each, all below 1.3 MeV; the tables are those of one decay."""
    table = read_csv("flux_reactor", "bestiole2023_capture.csv")
    for column in ("u239_per_mev", "np239_per_mev"):
        assert 0.025 * np.sum(table[column]) == pytest.approx(1, abs=1e-5)
    for options in ({}, {"below_2_mev": "bestiole"}, {"prediction": "bestiole"}):
        plain = ReactorSource(2.9, 28.0, 365.0, MIX, **options)
        captured = replace(plain, captures_per_fission=0.6)
        steps = np.diff(captured.shape().energies)
        assert np.all((steps > 1e-6) | (steps == 0))
        added = captured.neutrinos_per_fission - plain.neutrinos_per_fission
        assert added == pytest.approx(1.2, rel=5e-3)
        E = np.array([0.4375, 1.3, 1.75, 2.5, 6.0])
        more = density(captured, E) - density(plain, E)
        at = table["energy_mev"] == 0.4375
        expected = 0.6 * (table["u239_per_mev"][at] + table["np239_per_mev"][at])[0]
        np.testing.assert_allclose(more, [expected, 0, 0, 0, 0], rtol=1e-3, atol=3e-3)


def test_captures_are_not_seen_above_50_eV_in_germanium():
    plain = ReactorSource(2.9, 28.0, 365.0, MIX)
    rates = [
        dR_dT_nr(np.array([5e-5, 2e-4]), target("Ge"), flux)["nu_e_bar"]
        for flux in (plain, replace(plain, captures_per_fission=0.6))
    ]
    np.testing.assert_allclose(rates[0], rates[1], rtol=2e-3)


# --- tables ---
@pytest.mark.parametrize("isotope", ISOTOPES)
def test_densities_are_the_tables(isotope):
    table = read_csv("flux_reactor", "bestiole2023.csv")
    E, expected = table["energy_mev"], table[f"{isotope.lower()}_per_mev"]
    inside = E < 9.9
    summed = one(isotope, prediction="bestiole")
    np.testing.assert_allclose(density(summed, E[inside]), expected[inside], rtol=1e-12)
    assert summed.kink_energies == (0.0125, 10.0)
    assert summed.step_at_join == 0
    for prediction, file in (("kopeikin", "kopeikin2021.csv"), ("hayes", "hayes2016.csv")):
        table = read_csv("flux_reactor", file)
        if f"{isotope.lower()}_per_mev" in table:
            flux = one(isotope, prediction=prediction)
            E = table["energy_mev"][1:]
            found = density(flux, E)
            np.testing.assert_allclose(found, table[f"{isotope.lower()}_per_mev"][1:], rtol=1e-9)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("below", BELOW)
def test_every_combination_is_a_spectrum(prediction, below):
    """Positive everywhere, and the parts of the combination that it was asked for."""
    options = {"prediction": prediction, "below_2_mev": below, "captures_per_fission": 0.6}
    flux = ReactorSource(2.9, 28.0, 365.0, MIX, **options)
    assert np.all(density(flux, np.geomspace(0.013, 9.99, 4000)) > 0)
    above = density(ReactorSource(2.9, 28.0, 365.0, MIX, prediction=prediction), [3.1, 7.0])
    np.testing.assert_allclose(density(flux, [3.1, 7.0]), above, rtol=1e-6)


def test_defaults():
    """None is the summation beside itself and Vogel and Engel beside the others."""
    for prediction in PREDICTIONS:
        own = "bestiole" if prediction == "bestiole" else "vogel_engel"
        by_default, named = (one("U235", prediction=prediction, below_2_mev=b) for b in (None, own))
        assert by_default.shape() == named.shape()


def test_wrong_predictions_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean hayes"):
        one("U235", prediction="haye")
    with pytest.raises(UnknownNameError, match="did you mean bestiole"):
        one("U235", below_2_mev="bestiol")
    with pytest.raises(InputError, match="captures_per_fission must be >= 0, got -0"):
        one("U235", captures_per_fission=-0.1)


def test_keys_of_a_folder(tmp_path):
    """Keys of the section [neutrinos] with kind = "reactor"."""
    write_template(tmp_path / "mine")
    file = tmp_path / "mine" / "experiment.toml"
    plain = load(tmp_path / "mine").flux
    keys = 'spectrum = "hayes"\nbelow_2_mev = "bestiole"\ncaptures_per_fission = 0.6'
    kind = 'kind = "reactor"'
    file.write_text(file.read_text().replace(kind, f"{kind}\n{keys}", 1))
    options = {"prediction": "hayes", "below_2_mev": "bestiole", "captures_per_fission": 0.6}
    assert load(tmp_path / "mine").flux == replace(plain, **options)
