"""Reader of the official CsI 2017 release, and the shipped copy of its numbers."""

import numpy as np
import pytest

from cevnsjax.core.errors import DataError
from cevnsjax.experiments.releases.csi_2017.release import read_csi_2017_release
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables, shipped_csi_2017

# Selected counts, 6 <= PE < 30 in 2-PE bins, beam on, summed over t < 6 us and over 12 us: computed
# from the published files by an independent NumPy reference; the totals are those of COHERENT 2017.
C_6US = [35, 62, 91, 74, 60, 49, 35, 33, 27, 21, 34, 26]
AC_6US = [26, 51, 67, 49, 39, 32, 30, 23, 21, 21, 29, 17]
C_12US = [50, 103, 137, 119, 94, 81, 56, 41, 43, 37, 50, 44]
AC_12US = [41, 90, 111, 87, 66, 54, 57, 52, 39, 33, 43, 30]
# Prompt neutrons in the same bins, exposure x pdf, without and with acceptance (same reference).
B_ON_NO_ACCEPTANCE = [2.36065763472, 1.85852240552, 1.51119433532, 1.27139691072]
B_ON = [0.205261396707, 0.353734071127, 0.518131865298, 0.624713733285]
B_ON_SUM = 5.41934150071

PARAMETERS = """beamExposure:
  name: Beam exposure
  value: 7.47594
  units: GW*hr
  uncertainty: negligible
  comment: |
    A sentence that has a value: 3 in it.

distanceToTarget:
  name: Distance to target
  value: 19.3
  uncertainty: negligible

csiQF:
  value: 0.0878
  uncertainty: 0.0166

csiLightYield:
  value: 13.348
  uncertainty: 0.019

neutrinosPerProton:
  value: 0.08
  uncertainty: 0.008

promptNeutronNormalization:
  value: 1
  uncertainty: 0.25

acceptanceEfficiency:
  name: Acceptance efficiency parameters
  parameters:
    - name: a
      value: 0.6655
      error_hi: 0.0212
      error_lo: 0.0384
    - name: k
      value: 0.4942
      error_hi: 0.0335
      error_lo: 0.0131
    - name: x_0
      value: 10.8507
      error_hi: 0.1838
      error_lo: 0.3995
"""
KINDS = ["coincidence_beamOn", "anticoincidence_beamOn", "coincidence_beamOff"]
KINDS.append("anticoincidence_beamOff")
ARRIVALS = ["promptNeutrinos", "delayedNeutrinos", "promptNeutrons"]
COUNTS = ["1.0, 0.25, 0", "1.0, 0.75, 1", "3.0, 0.25, 2", "3.0, 0.75, 3", "5.0, 0.25, 4"]
COUNTS.append("5.0, 0.75, 5")


@pytest.fixture(params=["bare", "header", "comment"])
def release(request, tmp_path):
    """A release of 3 x 2 cells, with the three kinds of first lines that are in circulation."""
    first = {"bare": "", "header": "Photoelectrons (PEs),Arrival time (us),Counts\n"}
    two = {"bare": "", "header": "time (us), probability\n"}
    top, top2 = first.get(request.param, "# a, b\n\n"), two.get(request.param, "# one\n")
    for kind in KINDS:
        (tmp_path / f"data_{kind}.txt").write_text(top + "\n".join(COUNTS))
    for kind in ARRIVALS:
        (tmp_path / f"arrivalTimePDF_{kind}.txt").write_text(top2 + "0.25, 0.125\n0.75, 0.875\n")
    (tmp_path / "promptPDF.txt").write_text(top2 + "0.5, 0.5526297688\n1.5, 0.3600910306\n")
    (tmp_path / "qfData_chicago.txt").write_text("# T, f\n2.87, 0.56, 0.0521, 0.017193\n")
    (tmp_path / "qfData_tunl.txt").write_text("41.6, 2.5, 2.9, 0.0989, 0.00105, 0.00104\n")
    (tmp_path / "coherent_parameters.yaml").write_text(PARAMETERS)
    return tmp_path


def test_release_is_read(release):
    tables = read_csi_2017_release(release)
    assert tables.n_pe.tolist() == [1.0, 3.0, 5.0]
    assert tables.t_us.tolist() == [0.25, 0.75]
    assert set(tables.counts) == set(shipped_csi_2017().counts)
    assert tables.counts["coincidence_beam_on"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert tables.neutron_per_gwh.tolist() == [0.5526297688, 0.3600910306]
    assert tables.arrival["delayed_neutrinos"].tolist() == [0.125, 0.875]
    assert tables.beam_exposure_gwh == 7.47594
    assert tables.quenching["chicago"]["quenching_factor"].tolist() == [0.0521]
    assert tables.quenching["duke"]["recoil_energy_error_down_kev"].tolist() == [2.9]


def test_release_gives_the_shipped_parameters(release):
    read, shipped = read_csi_2017_release(release), shipped_csi_2017()
    for name in ("beam_exposure_gwh", "baseline_m", "neutrinos_per_proton", "quenching_factor"):
        assert getattr(read, name) == getattr(shipped, name), name
    for name in ("light_yield_pe_per_kevee", "prompt_neutron_error", "acceptance"):
        assert getattr(read, name) == getattr(shipped, name), name


def test_rows_may_come_in_any_order(release):
    (release / "data_coincidence_beamOn.txt").write_text("\n".join(reversed(COUNTS)))
    tables = read_csi_2017_release(release)
    assert tables.counts["coincidence_beam_on"].tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("data_coincidence_beamOn.txt", None, "cannot be read"),
        ("data_coincidence_beamOn.txt", [], "has no data line"),
        ("data_coincidence_beamOn.txt", [*COUNTS[:2], "3.0, 0.25"], "line 3 has 2 columns, not 3"),
        ("data_coincidence_beamOn.txt", [*COUNTS, "7.0, 0.25, x"], "line 7: .* is not numeric"),
        ("data_coincidence_beamOff.txt", ["1.0, 0.25, -1"], "line 1: content -1 is not a whole"),
        (
            "data_anticoincidence_beamOn.txt",
            ["1.0, 0.25, 1.5"],
            "line 1: content 1.5 is not a whole",
        ),
        ("data_coincidence_beamOn.txt", COUNTS[:-1], r"lacks the cell \(n_pe 5, t_us 0.75\)"),
        ("data_coincidence_beamOn.txt", [*COUNTS, COUNTS[0]], r"line 7: cell .* again"),
        ("data_coincidence_beamOn.txt", COUNTS[2:], "n_pe bin centre 3 where 1 is due"),
        ("data_coincidence_beamOn.txt", COUNTS[1::2], "t_us bin centre 0.75 where 0.25 is due"),
        ("data_coincidence_beamOff.txt", COUNTS[:4], "has another grid"),
        ("promptPDF.txt", ["1.0, 0.5"], "n_pe bin centre 1 where 0.5 is due"),
        (
            "arrivalTimePDF_promptNeutrons.txt",
            ["0.25, 1.0"],
            "other bins of t_us than the files before",
        ),
        ("qfData_tunl.txt", ["1, 2, 3, 4"], "line 1 has 4 columns, not 6"),
        ("coherent_parameters.yaml", ["beamExposure:", "  value: x"], "no number for beamExposure"),
        (
            "coherent_parameters.yaml",
            [PARAMETERS.replace("- name: k", "- name: l")],
            r"for acceptanceEfficiency\.k value",
        ),
    ],
)
def test_bad_releases_are_named(release, file, lines, message):
    if lines is None:
        (release / file).unlink()
    else:
        (release / file).write_text("\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        read_csi_2017_release(release)
    assert file in str(caught.value)
    assert "zenodo" in str(caught.value)
    assert "\n" not in str(caught.value)


def in_window(tables: Csi2017Tables, name: str, t_max_us: float):
    energy = (tables.n_pe > 6) & (tables.n_pe < 30)
    return tables.counts[name][energy][:, tables.t_us < t_max_us].sum(axis=1)


def test_shipped_counts_of_the_first_observation():
    tables = shipped_csi_2017()
    assert tables.counts["coincidence_beam_on"].shape == (25, 24)
    for t_max_us, C, AC in [(6.0, C_6US, AC_6US), (12.0, C_12US, AC_12US)]:
        assert in_window(tables, "coincidence_beam_on", t_max_us).tolist() == C
        assert in_window(tables, "anticoincidence_beam_on", t_max_us).tolist() == AC
    assert (sum(C_6US), sum(AC_6US), sum(C_6US) - sum(AC_6US)) == (547, 405, 142)
    assert (sum(C_12US), sum(AC_12US), sum(C_12US) - sum(AC_12US)) == (855, 703, 152)


def test_shipped_prompt_neutrons():
    """Exposure x pdf x acceptance at 1-PE centres, to the 1e-11 printed in the reference."""
    tables = shipped_csi_2017()
    a, k, x0 = (tables.acceptance[name][0] for name in ("a", "k", "x0"))
    n_pe = tables.neutron_n_pe
    plain = tables.beam_exposure_gwh * tables.neutron_per_gwh
    accepted = plain * a / (1.0 + np.exp(-k * (n_pe - x0)))
    pairs = [values.reshape(25, 2).sum(axis=1)[3:15] for values in (plain, accepted)]
    np.testing.assert_allclose(pairs[0][:4], B_ON_NO_ACCEPTANCE, rtol=1e-11)
    np.testing.assert_allclose(pairs[1][:4], B_ON, rtol=1e-11)
    assert pairs[1].sum() == pytest.approx(B_ON_SUM, rel=1e-11)


def test_shipped_arrival_times_are_probabilities():
    tables = shipped_csi_2017()
    for name, values in tables.arrival.items():
        assert np.all(values >= 0), name
        assert values.sum() == pytest.approx(1.0, abs=1e-6), name
    inside = tables.arrival["delayed_neutrinos"][tables.t_us < 6].sum()
    assert inside == pytest.approx(0.914785, abs=1e-6)  # independent NumPy reference
    assert tables.arrival["prompt_neutrinos"].argmax() == 1


def test_shipped_arrays_are_read_only():
    tables = shipped_csi_2017()
    with pytest.raises(ValueError, match="read-only"):
        tables.counts["coincidence_beam_on"][0, 0] = 1.0
