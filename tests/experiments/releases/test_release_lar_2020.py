"""Reader of the official LAr 2020 release, and the shipped copy of its numbers."""

from dataclasses import fields
from itertools import product

import numpy as np
import pytest

from cevnsjax.core.errors import DataError
from cevnsjax.experiments.releases.lar_2020.release import read_lar_2020_release
from cevnsjax.experiments.releases.lar_2020.tables import (
    PROJECTED,
    RELATIVE,
    SYSTEMATIC,
    shipped_lar_2020,
)
from cevnsjax.tables import datasets, read_toml, verify

# Background-subtracted energy projection of the release [count].
DATA_N = [180.88, 168.285, 84.6046, 48.2399, 14.9452, 23.3383]
DATA_N += [8.7051, 20.8055, 26.3034, 15.6286, 21.9738, 6.53702]
# Energy shapes of the neutron predictions scaled to 497 and 33 events: independent NumPy reference.
BRN_497 = [88.981932240734, 93.59180330501248, 68.06410374906287, 52.20034442786396]
BRN_497 += [39.07771524488645, 32.483471552938546, 31.15841041446234, 24.885746636998437]
BRN_497 += [20.076493979939844, 17.132093438884116, 14.802655906403233, 14.545229102813757]
DELAYED_33 = [5.907847060398523, 6.213957108085584, 4.518781251563994, 3.4672418047845324]
DELAYED_33 += [2.5921128002275093, 2.1598220753248945, 2.0718669990892087, 1.6515650982212449]
DELAYED_33 += [1.329412538516549, 1.1385615334793824, 0.9829675108991961, 0.9658642194093793]

FILES = {
    "observed": "datanobkgsub.txt",
    "cevns": "cevnspdf.txt",
    "brn": "brnpdf.txt",
    "delayed_brn": "delbrnpdf.txt",
    "steady_state": "bkgpdf.txt",
    "cevns_f90_plus": "cevnspdf+1sigF90.txt",
    "cevns_f90_minus": "cevnspdf-1sigF90.txt",
    "cevns_time_mean": "cevnspdfCEvNSTimingMeanSyst.txt",
    "brn_energy_plus": "brnpdf+1sigEnergy.txt",
    "brn_energy_minus": "brnpdf-1sigEnergy.txt",
    "brn_time_mean_plus": "brnpdf+1sigBRNTimingMean.txt",
    "brn_time_mean_minus": "brnpdf-1sigBRNTimingMean.txt",
    "brn_time_width": "brnpdfBRNTimingWidthSyst.txt",
}
ONE_D = {"energy": "energydata1d.txt", "f90": "f90data1d.txt", "time": "timingdata1d.txt"}
BANDS = {"energy": "energy", "f90": "psd", "time": "time"}
SECTIONS = [
    ("distanceToTarget", 27.5, ": negligible"),
    ("fiducialMass", 24.4, ": 0.61"),
    ("neutrinosPerProton", 0.09, ": 0.009"),
    ("cevnsBestfitNormalization", 159, "_stat: 43"),
    ("promptBeamRelatedNeutronBestfitNormalization", 553, ": 34"),
    ("delayedBeamRelatedNeutronBestfitNormalization", 10, ": 11"),
    ("ssBackgroundBestfitNormalization", 3131, ": 23"),
    ("cevnsPredictionNormalization", 128, ": 17"),
    ("promptBeamRelatedNeutronPredictionNormalization", 497, ": 160"),
    ("delayedBeamRelatedNeutronPredictionNormalization", 33, ": 33"),
    ("ssBackgroundPredictionNormalization", 3154, ": 25"),
]
ENTRIES = [
    ("larQF", "a", 0.246, 0.006),
    ("larQF", "b", 0.00078, 0.00009),
    ("energyResolution", "a", 0.58, "none"),
    ("snsPOTTraceTiming", "a", 440, 200),
    ("snsPOTTraceTiming", "b", 150, "negligible"),
]
EXPOSURE = """beamExposure:
  name: Beam exposure
  value: 13.8
  units: E22 POT
  comment: |
    A sentence that has a value: 3 in it.

"""
PARAMETERS = EXPOSURE + "".join(f"{s}:\n  value: {v}\n  uncertainty{e}\n" for s, v, e in SECTIONS)
for section, name, value, error in ENTRIES:
    PARAMETERS += f"{section}:\n  parameters:\n   - name: {name}\n     value: {value}\n"
    PARAMETERS += f"     uncertainty: {error}\n"

HEADER = "\nBin Center (keVee)  SS-Sub Data  Data Stat. Error   CEvNS   BRN   Syst. Error Low\n"


def write_release(folder, tables, size):
    """The first ``size`` bins of each axis of ``tables`` in the format of the release."""
    cut = tuple(map(slice, size))
    axes = (tables.energy_kevee, tables.f90, tables.t_us)
    centres = list(product(*(axis[:n] for axis, n in zip(axes, size, strict=True))))
    cubes = {"observed": tables.observed, **tables.pdfs, **tables.variations}
    for name, file in FILES.items():
        contents = cubes[name][cut].ravel()
        write_rows(folder / file, [(*c, x) for c, x in zip(centres, contents, strict=True)])
    for axis, n in zip(ONE_D, size, strict=True):
        columns = {name: column[:n] for name, column in tables.projections[axis].items()}
        centre = next(iter(columns.values()))
        data = zip(centre, *(columns[k] for k in (*PROJECTED, *SYSTEMATIC)), strict=True)
        write_rows(folder / ONE_D[axis], data, HEADER)
        band = zip(centre, *(columns[k] for k in RELATIVE), strict=True)
        write_rows(folder / f"systerrors1d{BANDS[axis]}.txt", band)
    write_rows(folder / "CENNS10AnlAEfficiency.txt", zip(*tables.efficiency.values(), strict=True))
    (folder / "LArParametersAnlA.yaml").write_text(PARAMETERS)


def write_rows(path, rows, header=""):
    path.write_text(header + "".join(" ".join(map(repr, map(float, r))) + "\n" for r in rows))


def same(left, right):
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return np.array_equal(left, right)


@pytest.fixture
def release(tmp_path):
    write_release(tmp_path, shipped_lar_2020(), (2, 2, 3))
    return tmp_path


def test_whole_release_gives_the_shipped_tables(tmp_path):
    shipped = shipped_lar_2020()
    write_release(tmp_path, shipped, shipped.observed.shape)
    read = read_lar_2020_release(tmp_path)
    for field in fields(shipped):
        assert same(getattr(read, field.name), getattr(shipped, field.name)), field.name


def test_small_release_is_read(release):
    tables = read_lar_2020_release(release)
    assert tables.energy_kevee.tolist() == [5.0, 15.0]
    assert tables.observed.shape == (2, 2, 3)
    assert tables.observed[0].tolist() == [[32, 44, 23], [17, 36, 28]]
    assert tables.pdfs["cevns"][0, 1, 2] == 2.30289
    assert tables.projections["energy"]["relative_high"].tolist() == [1.06579, 1.01737]
    assert tables.protons_on_target == 13.8e22
    assert tables.quenching == {"a": (0.246, 0.006), "b": (0.00078, 0.00009)}
    assert tables.best_fit["cevns"] == (159.0, 43.0)


def test_cells_may_come_in_any_order(release):
    before = read_lar_2020_release(release).pdfs["brn"]
    lines = (release / "brnpdf.txt").read_text().splitlines()
    (release / "brnpdf.txt").write_text("\n".join(reversed(lines)))
    np.testing.assert_array_equal(read_lar_2020_release(release).pdfs["brn"], before)


def add(*lines):
    return lambda old: [*old, *lines]


def drop(*lines):
    return lambda old: [line for i, line in enumerate(old) if i not in lines]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("datanobkgsub.txt", None, "cannot be read"),
        ("datanobkgsub.txt", drop(*range(12)), "has no data line"),
        ("datanobkgsub.txt", add("5 0.525 0.15"), "line 13 has 3 columns, not 4"),
        ("datanobkgsub.txt", add("5 0.525 0.15 x"), "line 13: .* is not numeric"),
        ("datanobkgsub.txt", add("25 0.525 0.15 -1"), "line 13: content -1 is not a whole"),
        (
            "datanobkgsub.txt",
            add("25 0.525 0.15 1.5"),
            "line 13: content 1.5 is not a whole",
        ),
        ("datanobkgsub.txt", add("5 0.525 0.15 1"), r"line 13: cell \(energy_kevee 5, .* again"),
        ("datanobkgsub.txt", drop(4), r"lacks the cell \(.* 5, f90 0.575, t_us 0.65\)"),
        ("brnpdf.txt", drop(1, 4, 7, 10), "has another grid than datanobkgsub.txt"),
        ("cevnspdf.txt", add("25 0.525 0.15 -0.5"), "line 13: content -0.5 is not a number >= 0"),
        ("energydata1d.txt", drop(2), "has other bins of energy_kevee"),
        ("systerrors1dtime.txt", add("0.15 1 1"), "line 4: t_us 0.15 does not increase"),
        ("f90data1d.txt", add("0.6 1 1"), "line 5 has 3 columns, not 8"),
        ("CENNS10AnlAEfficiency.txt", add("50 60 1.5"), "1.5 at 50 keVee is not an efficiency"),
        ("LArParametersAnlA.yaml", drop(2), "no number for beamExposure value"),
        ("LArParametersAnlA.yaml", lambda old: [x.replace("0.246", "?") for x in old], "larQF.a"),
    ],
)
def test_bad_releases_are_named(release, file, change, message):
    if change is None:
        (release / file).unlink()
    else:
        (release / file).write_text("\n".join(change((release / file).read_text().splitlines())))
    with pytest.raises(DataError, match=message) as caught:
        read_lar_2020_release(release)
    assert file in str(caught.value)
    assert "zenodo.3903810" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_uneven_bins_are_named(tmp_path):
    write_release(tmp_path, shipped_lar_2020(), (4, 2, 3))
    lines = (tmp_path / "datanobkgsub.txt").read_text().splitlines()
    (tmp_path / "datanobkgsub.txt").write_text("\n".join(drop(*range(6, 12))(lines)))
    with pytest.raises(DataError, match="energy_kevee bin centre 35 where 45 is due"):
        read_lar_2020_release(tmp_path)


def test_shipped_set_is_intact():
    assert "coherent_lar_2020" in datasets()
    assert {status.status for status in verify("coherent_lar_2020")} == {"ok"}
    about = read_toml("coherent_lar_2020", "experiment.toml")
    assert about["alternatives"]["cadeddu2020"]["protons_on_target"] == 13.7e22


def test_shipped_sums():
    """Totals quoted by the release; the steady state is 2 events below the 3154 it quotes."""
    tables = shipped_lar_2020()
    assert tables.observed.shape == (12, 8, 10)
    assert tables.observed.sum() == 3752
    expected = {"cevns": 128.0, "brn": 497.0, "delayed_brn": 33.0, "steady_state": 3152.0}
    for name, total in expected.items():
        assert tables.pdfs[name].sum() == pytest.approx(total, abs=2e-4), name
    for name, cube in tables.variations.items():
        total = 523.671 if name == "brn_time_mean_plus" else expected[name.split("_")[0]]
        assert cube.sum() == pytest.approx(total, abs=1e-3), name


def test_shipped_energy_projections():
    tables = shipped_lar_2020()
    assert tables.projections["energy"]["data"].tolist() == DATA_N
    for name, total, expected in [("brn", 497.0, BRN_497), ("delayed_brn", 33.0, DELAYED_33)]:
        shape = tables.pdfs[name].sum(axis=(1, 2))
        np.testing.assert_allclose(total * shape / shape.sum(), expected, rtol=1e-12)


def test_projections_are_those_of_the_cells():
    """Observed minus the best-fit steady state, 3131.75 events, to the six digits printed."""
    tables = shipped_lar_2020()
    for axis, name in enumerate(("energy", "f90", "time")):
        others = tuple({0, 1, 2} - {axis})
        steady = tables.pdfs["steady_state"].sum(axis=others)
        left = tables.observed.sum(axis=others) - 3131.754 * steady / steady.sum()
        np.testing.assert_allclose(left, tables.projections[name]["data"], rtol=2e-5, atol=2e-3)


def test_projected_sums_and_bands_are_consistent():
    """Each printed sum is that of its terms, each band its relative band, to six digits."""
    for columns in shipped_lar_2020().projections.values():
        total = columns["cevns_plus_brn"]
        np.testing.assert_allclose(columns["cevns"] + columns["brn"], total, rtol=1e-5)
        for side in ("low", "high"):
            band = total * columns[f"relative_{side}"]
            np.testing.assert_allclose(band, columns[f"systematic_{side}"], rtol=1e-5)


def test_shipped_efficiency_follows_the_quenching_factor():
    """Recoil energies solve E_ee = a T + b T^2, to 0.3 % (six digits are printed)."""
    tables = shipped_lar_2020()
    T = tables.efficiency["recoil_energy_kevnr"]
    a, b = (tables.quenching[name][0] for name in ("a", "b"))
    np.testing.assert_allclose(a * T + b * T**2, tables.efficiency["energy_kevee"], rtol=3e-3)


def test_shipped_arrays_are_read_only():
    tables = shipped_lar_2020()
    for array in (tables.observed, tables.pdfs["brn"], tables.f90, tables.efficiency["efficiency"]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
