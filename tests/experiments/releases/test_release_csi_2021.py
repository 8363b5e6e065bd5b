"""Reader of the official CsI 2021 release, and the shipped copy of its numbers."""

from dataclasses import fields

import numpy as np
import pytest

from cevnsjax.core.errors import DataError
from cevnsjax.experiments.releases.csi_2021.release import read_csi_2021_release
from cevnsjax.experiments.releases.csi_2021.tables import shipped_csi_2021
from cevnsjax.tables import datasets, read_toml, verify

# Coincidence events below 60 PE and 6 us: counted from the published files by an independent NumPy
# reference; the totals are those of the publication.
OBS_PE = [11, 147, 224, 177, 144, 237, 210, 231, 197]
OBS_T = [34, 31, 42, 42, 52, 58, 56, 41, 314, 491, 417]

EFFICIENCY = """# Energy-dependent efficiency curve

# Nominal efficiency model
1.32045  0.285979 10.8646 -0.333322

# Syst model, +1 sigma
1.3439  0.285366 9.84596 -0.356364
# Syst model, +1 sigma
1.297  0.286592 11.8832 -0.31028
"""
QUENCHING = """# Nominal scintillation model
0.0554628 4.30681 -111.707 840.384
# Syst model 0
0.0613632 3.51547 -85.5548 595.562
0.0495624 5.09815 -137.858 1085.2
# Syst model 1
0.055413 3.93597 -93.1045 630.092
0.0555126 4.67765 -130.309 1050.68
"""
EVENTS = {"coincidence": "dataBeamOnC.txt", "anticoincidence": "dataBeamOnAC.txt"}
TOP = "# List of selected events\n# Recoil energy (PE), recoil time (microsecond)\n"


def write_release(folder, tables, size):
    """The first ``size`` events or bins of each table in the format of the release."""
    for name, file in EVENTS.items():
        columns = tables.events[name]
        write_rows(folder / file, columns["n_pe"][:size], columns["t_us"][:size], TOP)
    for name in ("brn", "nin"):
        energy, time = tables.neutrons_n_pe[name], tables.neutrons_t_us[name]
        write_rows(folder / f"{name}PE.txt", tables.n_pe[:size], energy[:size])
        write_rows(folder / f"{name}Trec.txt", tables.t_us[:size], time[:size])
    (folder / "effCoefficients.txt").write_text(EFFICIENCY)
    (folder / "scintRespCoefficients.txt").write_text(QUENCHING)


def write_rows(path, first, second, header=""):
    rows = zip(first.tolist(), second.tolist(), strict=True)
    path.write_text(header + "".join(f"{x!r} {y!r}\n" for x, y in rows))


def same(left, right):
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return np.array_equal(left, right)


@pytest.fixture
def release(tmp_path):
    """A release of three events or bins a file."""
    write_release(tmp_path, shipped_csi_2021(), 3)
    return tmp_path


def test_whole_release_gives_the_shipped_tables(tmp_path):
    shipped = shipped_csi_2021()
    write_release(tmp_path, shipped, None)
    read = read_csi_2021_release(tmp_path)
    for field in fields(shipped):
        assert same(getattr(read, field.name), getattr(shipped, field.name)), field.name


def test_small_release_is_read(release):
    tables = read_csi_2021_release(release)
    assert tables.events["coincidence"]["n_pe"].tolist() == [111.189, 157.365, 68.4338]
    assert tables.events["anticoincidence"]["t_us"].tolist() == [1.044, 1.894, 5.588]
    assert tables.n_pe.tolist() == [0.5, 1.5, 2.5]
    assert tables.t_us.tolist() == [-0.245, -0.235, -0.225]
    assert tables.neutrons_t_us["nin"].tolist() == [0.0, 0.0, 0.0]


def test_second_shifted_efficiency_is_minus_one_sigma(release):
    """The release labels it +1 sigma; its threshold is higher, so its efficiency is lower."""
    tables = read_csi_2021_release(release)
    assert tables.efficiency["minus"] == (1.297, 0.286592, 11.8832, -0.31028)
    n_pe = np.array([10.0, 20.0, 30.0])
    value = {
        name: a / (1 + np.exp(-b * (n_pe - c))) + d
        for name, (a, b, c, d) in tables.efficiency.items()
    }
    assert np.all(value["minus"] < value["nominal"])
    assert np.all(value["nominal"] < value["plus"])
    assert value["nominal"][1] == pytest.approx(0.8968934796251021, rel=1e-12)  # NumPy reference


def add(*lines):
    return lambda old: [*old, *lines]


def drop(*lines):
    return lambda old: [line for i, line in enumerate(old) if i not in lines]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("dataBeamOnC.txt", None, "cannot be read"),
        ("dataBeamOnAC.txt", drop(2, 3, 4), "has no data line"),
        ("dataBeamOnC.txt", add("1.0"), "line 6 has 1 columns, not 2"),
        ("dataBeamOnC.txt", add("1.0 x"), "line 6: .* is not numeric"),
        ("dataBeamOnC.txt", add("-1.0 1.0"), "line 6: n_pe -1 is negative"),
        ("dataBeamOnAC.txt", add("1.0 -0.5"), "line 6: t_us -0.5 is negative"),
        ("brnPE.txt", add("3.5 -0.1"), "line 4: content -0.1 is not a number >= 0"),
        ("brnPE.txt", add("2.5 0"), r"line 4: cell \(n_pe 2.5\) again"),
        ("brnPE.txt", add("4.5 0"), "n_pe bin centre 4.5 where 3.5 is due"),
        ("ninPE.txt", drop(2), "has another grid than brnPE.txt"),
        ("ninTrec.txt", drop(0), "has another grid than brnTrec.txt"),
        ("effCoefficients.txt", drop(8), "has 2 rows of coefficients, not 3"),
        ("scintRespCoefficients.txt", add("1 2 3 4"), "has 6 rows of coefficients, not 5"),
        ("scintRespCoefficients.txt", add("1 2 3"), "line 9 has 3 columns, not 4"),
    ],
)
def test_bad_releases_are_named(release, file, change, message):
    if change is None:
        (release / file).unlink()
    else:
        (release / file).write_text("\n".join(change((release / file).read_text().splitlines())))
    with pytest.raises(DataError, match=message) as caught:
        read_csi_2021_release(release)
    assert file in str(caught.value)
    assert "arXiv:2110.07730" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shipped_set_is_intact():
    assert "coherent_csi_2021" in datasets()
    assert {status.status for status in verify("coherent_csi_2021")} == {"ok"}


def test_shipped_events_of_the_publication():
    tables = shipped_csi_2021()
    window = read_toml("coherent_csi_2021", "experiment.toml")["window"]
    inside = {}
    for name, columns in tables.events.items():
        n_pe, t_us = columns["n_pe"], columns["t_us"]
        keep = (n_pe < 60) & (t_us < 6)
        inside[name] = n_pe[keep], t_us[keep]
    assert {name: len(n_pe) for name, (n_pe, _) in inside.items()} == {
        "coincidence": 1578,
        "anticoincidence": 1295,
    }
    n_pe, t_us = inside["coincidence"]
    assert np.histogram(n_pe, window["n_pe_edges"])[0].tolist() == OBS_PE
    assert np.histogram(t_us, window["t_us_edges"])[0].tolist() == OBS_T


def test_shipped_neutron_shapes():
    tables = shipped_csi_2021()
    assert (tables.n_pe.size, tables.t_us.size) == (250, 650)
    for name in ("brn", "nin"):
        below = tables.neutrons_n_pe[name][tables.n_pe < 60].sum()
        assert below == pytest.approx(1.0, abs=1e-6), name  # as released, six digits
        assert np.all(tables.neutrons_t_us[name][tables.t_us < -0.1] == 0), name
    # Prompt neutrons come within 0.3 us of the protons; the others follow the muon decays.
    pulse_us = read_toml("coherent_csi_2021", "experiment.toml")["beam"]["pulse_mean_us"]
    assert 0 < tables.t_us[tables.neutrons_t_us["brn"].argmax()] - pulse_us < 0.3
    nin = tables.neutrons_t_us["nin"]
    late = [nin[(tables.t_us > low) & (tables.t_us < low + 1.0)].sum() for low in (2.0, 4.0)]
    assert late[1] / late[0] == pytest.approx(np.exp(-2.0 / 2.197), rel=0.03)


def test_shipped_numbers_are_consistent():
    about = read_toml("coherent_csi_2021", "experiment.toml")
    detector, beam = about["detector"], about["beam"]
    # Both are printed, 13.35 with four digits.
    per_pe = 1 / detector["kevee_per_pe"]
    assert per_pe == pytest.approx(detector["light_yield_pe_per_kevee"], abs=0.005)
    # Neutrinos of one flavour per cm^2: 5.79724091350328e14 in an independent NumPy reference.
    emitted = beam["neutrinos_per_proton_per_flavour"] * beam["protons_on_target"]
    fluence = emitted / (4 * np.pi * (100 * beam["baseline_m"]) ** 2)
    assert fluence == pytest.approx(579724091350327.9, rel=1e-12)


def test_shipped_arrays_are_read_only():
    tables = shipped_csi_2021()
    for array in (tables.n_pe, tables.events["coincidence"]["n_pe"], tables.neutrons_t_us["nin"]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
