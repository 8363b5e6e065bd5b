"""Published neutrino spectra: reactor antineutrinos per fission and solar neutrinos of 8B."""

import numpy as np
import pytest

from cevnsjax.tables import describe, read_csv, read_toml, verify

# Inverse-beta-decay yields of Huber-Mueller [1e-43 cm^2 per fission]: U235, Pu239, Pu241 from Huber
# and U238 from Mueller, as C. Giunti, Phys. Lett. B 764, 145 (2017), quotes them.
IBD_YIELDS = {"U235": 6.69, "U238": 10.10, "Pu239": 4.40, "Pu241": 6.03}
ISOTOPES = ("U235", "U238", "Pu239", "Pu241")


def coefficients(file, isotope):
    table = read_csv("flux_reactor", file)
    row = table["isotope"].tolist().index(isotope)
    return [column[row] for name, column in table.items() if name != "isotope"]


def spectrum(file, isotope, E_nu):
    """Antineutrinos per MeV and fission."""
    return np.exp(np.polynomial.polynomial.polyval(E_nu, coefficients(file, isotope)))


def sigma_ibd(E_nu):
    """Inverse beta decay [1e-43 cm^2], A. Strumia and F. Vissani, astro-ph/0302055, eq. 25."""
    E_e = E_nu - 1.293
    p_e, log_E = np.sqrt(E_e**2 - 0.511**2), np.log(E_nu)
    return p_e * E_e * E_nu ** (-0.07056 + 0.02018 * log_E - 0.001953 * log_E**3)


@pytest.mark.parametrize("dataset", ["flux_reactor", "flux_solar_b8"])
def test_shipped_files_are_intact_and_readable(dataset):
    assert {status.status for status in verify(dataset)} == {"ok"}
    listed = next(entry for entry in describe() if entry["name"] == dataset)
    for file in listed["files"]:
        read = read_toml if file.endswith(".toml") else read_csv
        assert read(dataset, file)


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_huber_mueller_gives_the_known_yields(isotope):
    """2 to 8 MeV holds all but about 1 % of the yield."""
    E_nu = np.linspace(2.0, 8.0, 2001)
    file = "mueller2011.csv" if isotope == "U238" else "huber2011.csv"
    found = np.trapezoid(spectrum(file, isotope, E_nu) * sigma_ibd(E_nu), E_nu)
    assert found == pytest.approx(IBD_YIELDS[isotope], rel=0.025)
    assert found < IBD_YIELDS[isotope]


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_reactor_spectra_agree_with_each_other(isotope):
    """Vogel and Engel against Mueller within 12 % from 2 to 6 MeV, both falling."""
    E_nu = np.linspace(2.0, 6.0, 41)
    mueller = spectrum("mueller2011.csv", isotope, E_nu)
    old = spectrum("vogel_engel1989.csv", isotope, E_nu)
    np.testing.assert_allclose(old, mueller, rtol=0.12)
    assert np.all(np.diff(mueller) < 0)
    assert np.all(np.diff(old) < 0)


def test_low_energy_table_joins_the_polynomial():
    """The table ends at 2 MeV within 9 % of the polynomial of the same publication."""
    table = read_csv("flux_reactor", "vogel_engel1989_low.csv")
    assert np.all(np.diff(table["energy_mev"]) > 0)
    assert table["energy_mev"][-1] == 2.0
    for isotope in ISOTOPES:
        column = table[f"{isotope.lower()}_per_mev"]
        assert np.all(column > 0)
        end = spectrum("vogel_engel1989.csv", isotope, 2.0)
        assert column[-1] == pytest.approx(end, rel=0.09), isotope


def test_energies_per_fission():
    table = read_csv("flux_reactor", "energy_per_fission.csv")
    energies = dict(zip(table["isotope"].tolist(), table["energy_mev"].tolist(), strict=True))
    assert energies == {"U235": 202.36, "U238": 205.99, "Pu239": 211.12, "Pu241": 214.26}


def test_b8_spectrum():
    """Normalised to one; mean energy 6.735 MeV as in Bahcall et al. 1996."""
    table = read_csv("flux_solar_b8", "b8.csv")
    E_nu, shape = table["energy_mev"], table["shape_per_mev"]
    assert np.all(shape > 0)
    np.testing.assert_allclose(np.diff(E_nu), 0.02, rtol=1e-9)
    assert np.trapezoid(shape, E_nu) == pytest.approx(1.0, abs=2e-5)
    mean = np.trapezoid(E_nu * shape, E_nu) / np.trapezoid(shape, E_nu)
    assert mean == pytest.approx(6.735, abs=1e-3)
    peak = shape.argmax()
    assert 6.0 < E_nu[peak] < 7.0
    assert np.all(np.diff(shape[:peak]) > 0)
    assert np.all(np.diff(shape[peak:]) <= 0)
    assert read_toml("flux_solar_b8", "b8.toml")["flux"]["total_per_cm2_s"] == 5.46e6
