"""Data tables: parsing, checks against the manifest, and the numbers that are shipped."""

import numpy as np
import pytest

from cevnsjax import tables
from cevnsjax.core.errors import DataError, InputError, UnknownNameError

MANIFEST = """title = "Tiny"
source = "nobody"
licence = "none"

[[files]]
name = "table.csv"
sha256 = "{csv}"
rows = {rows}
columns = [{columns}]

[[files]]
name = "about.toml"
sha256 = "{toml}"
"""
COLUMNS = '{ name = "name", unit = "-", type = "text" }, { name = "T_keV", unit = "keV" }'


def write_root(
    tmp_path, content="# why\nname,T_keV\nlow, 1.5\nhigh,2e1\n", rows=2, columns=COLUMNS
):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "table.csv").write_text(content)
    (folder / "about.toml").write_text("mass_kg = 14.57\n")
    csv, toml = (tables.file_sha256(folder / file) for file in ("table.csv", "about.toml"))
    text = MANIFEST.format(csv=csv, toml=toml, rows=rows, columns=columns)
    (folder / tables.MANIFEST).write_text(text)
    return tmp_path


def statuses(root):
    return {status.file: status.status for status in tables.verify("tiny", root=root)}


def test_numbers_and_text_are_read(tmp_path):
    table = tables.read_csv("tiny", "table.csv", root=write_root(tmp_path))
    assert table["name"].tolist() == ["low", "high"]
    assert table["T_keV"].dtype == np.float64
    assert table["T_keV"].tolist() == [1.5, 20.0]
    assert tables.read_toml("tiny", "about.toml", root=tmp_path) == {"mass_kg": 14.57}


def test_changes_by_a_caller_do_not_reach_the_next_one(tmp_path):
    root = write_root(tmp_path)
    first = tables.read_csv("tiny", "table.csv", root=root)
    with pytest.raises(ValueError, match="read-only"):
        first["T_keV"][0] = 0.0
    del first["T_keV"]
    assert "T_keV" in tables.read_csv("tiny", "table.csv", root=root)


def test_windows_line_ends_still_verify(tmp_path):
    root = write_root(tmp_path)
    file = root / "tiny" / "table.csv"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert tables.read_csv("tiny", "table.csv", root=root)["T_keV"].tolist() == [1.5, 20.0]


def test_a_changed_file_is_refused_even_after_it_was_read(tmp_path):
    root = write_root(tmp_path)
    tables.read_csv("tiny", "table.csv", root=root)
    (root / "tiny" / "table.csv").write_text("name,T_keV\nlow,1.6\nhigh,2e1\n")
    with pytest.raises(DataError, match=r"table.csv has SHA-256 .* manifest .*version control"):
        tables.read_csv("tiny", "table.csv", root=root)
    (root / "tiny" / "about.toml").write_bytes(b"mass_kg = \xff")
    with pytest.raises(DataError, match=r"about.toml has SHA-256"):
        tables.read_toml("tiny", "about.toml", root=root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 3}, "has 2 rows, manifest 3"),
        ({"content": "name,T_keV\nlow,1.5\nhigh,two\n"}, "line 3: T_keV is 'two'; write a finite"),
        ({"content": "name,T_keV\nlow,nan\nhigh,2\n"}, "line 2: T_keV is 'nan'"),
        ({"content": "name,T_keV\nlow,1.5\nhigh\n"}, "line 3 has 1 fields, not 2"),
        ({"content": "name,name\nlow,1.5\n"}, "repeats a column name"),
        ({"content": "# only a comment\n"}, "has no header"),
    ],
)
def test_malformed_tables_are_refused(tmp_path, change, message):
    root = write_root(tmp_path, **change)
    with pytest.raises(DataError, match=message) as caught:
        tables.read_csv("tiny", "table.csv", root=root)
    assert "table.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_columns_are_refused(tmp_path):
    columns = '{ name = "name", type = "text" }, { name = "T_MeV" }'
    root = write_root(tmp_path, columns=columns)
    with pytest.raises(DataError, match=r"columns \['name', 'T_keV'\], manifest .*T_MeV"):
        tables.read_csv("tiny", "table.csv", root=root)


def test_names_are_checked(tmp_path):
    root = write_root(tmp_path)
    with pytest.raises(UnknownNameError, match="'tinny'; did you mean tiny"):
        tables.read_csv("tinny", "table.csv", root=root)
    with pytest.raises(UnknownNameError, match=r"did you mean table.csv"):
        tables.read_csv("tiny", "tble.csv", root=root)
    with pytest.raises(UnknownNameError):
        tables.read_toml("tiny", "../other.toml", root=root)
    with pytest.raises(InputError, match="use read_toml"):
        tables.read_csv("tiny", "about.toml", root=root)
    with pytest.raises(InputError, match="use read_csv"):
        tables.read_toml("tiny", "table.csv", root=root)
    with pytest.raises(DataError, match="no data folder at"):
        tables.datasets(root=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = ", "is not valid TOML"),
        ('title = "t"\nsource = "s"\nlicence = "l"\n', "lacks files"),
        ('title = "t"\nsource = "s"\nlicence = "l"\n[[files]]\nname = "x"\n', "sha256"),
    ],
)
def test_a_broken_manifest_is_named(tmp_path, content, message):
    root = write_root(tmp_path)
    (root / "tiny" / tables.MANIFEST).write_text(content)
    with pytest.raises(DataError, match=message):
        tables.read_csv("tiny", "table.csv", root=root)
    assert statuses(root) == {tables.MANIFEST: "changed"}


def test_verify_distinguishes_four_states(tmp_path):
    root = write_root(tmp_path)
    assert statuses(root) == {"table.csv": "ok", "about.toml": "ok"}
    folder = root / "tiny"
    (folder / "table.csv").unlink()
    (folder / "about.toml").write_text("mass_kg = 14.6\n")
    (folder / "README.md").write_text("prose is free")
    (folder / "notes.csv").write_text("x\n1\n")
    expected = {"table.csv": "missing", "about.toml": "changed", "notes.csv": "unlisted"}
    assert statuses(root) == expected
    (root / "bare").mkdir()
    bare = next(status for status in tables.verify(root=root) if status.dataset == "bare")
    assert (bare.file, bare.status) == (tables.MANIFEST, "missing")
    with pytest.raises(DataError, match=r"table.csv cannot be read"):
        tables.read_csv("tiny", "table.csv", root=root)


def test_describe_names_source_and_licence(tmp_path):
    assert tables.describe(root=write_root(tmp_path)) == [
        {
            "name": "tiny",
            "title": "Tiny",
            "source": "nobody",
            "licence": "none",
            "files": ["table.csv", "about.toml"],
        }
    ]


SHIPPED = ("coherent_csi_2017", "csi_quenching", "nuclides")


@pytest.mark.parametrize("dataset", SHIPPED)
def test_shipped_files_are_intact_and_readable(dataset):
    assert {status.status for status in tables.verify(dataset)} == {"ok"}
    listed = next(entry for entry in tables.describe() if entry["name"] == dataset)
    for file in listed["files"]:
        read = tables.read_toml if file.endswith(".toml") else tables.read_csv
        assert read(dataset, file)


def test_isotopes_are_complete_and_natural():
    table = tables.read_csv("nuclides", "isotopes.csv")
    for symbol in np.unique(table["symbol"]):
        total = table["abundance"][table["symbol"] == symbol].sum()
        assert total == pytest.approx(1.0, abs=1e-9), symbol
    # A nucleus is bound by less than 1 % of its mass; odd A has half-integer spin.
    assert np.all(np.abs(table["atomic_mass_u"] / table["A"] - 1.0) < 0.01)
    assert np.all((2 * table["spin"]) % 2 == table["A"] % 2)
    # Charge radii grow as A^(1/3): 0.90 to 1.06 fm for A > 20.
    ratio = (table["charge_radius_fm"] / np.cbrt(table["A"]))[table["A"] > 20]
    assert np.all((ratio > 0.90) & (ratio < 1.09))


def test_nuclear_masses_of_the_reference():
    """Atomic mass x u - Z m_e of an independent NumPy reference [MeV], to its 1e-4 MeV digits."""
    table = tables.read_csv("nuclides", "isotopes.csv")
    mass = table["atomic_mass_u"] * 931.49410242 - table["Z"] * 0.51099895
    for symbol, A, expected in [("Cs", 133, 123772.53973888615), ("I", 127, 118183.68522586812)]:
        row = (table["symbol"] == symbol) & (table["A"] == A)
        assert mass[row].item() == pytest.approx(expected, rel=1e-13)
    argon = (table["symbol"] == "Ar") & (table["A"] == 40)
    assert mass[argon].item() == pytest.approx(37215.52621727509, rel=1e-13)


def test_quenching_polynomial_of_the_reference():
    """n_PE at 13.348 PE/keVee of an independent NumPy reference, recoil energies 5 and 30 keV."""
    table = tables.read_csv("csi_quenching", "coherent2020.csv")
    columns = ("a", "b_per_mev", "c_per_mev2", "d_per_mev3")
    nominal = [table[name][table["variation"] == "nominal"].item() for name in columns]
    for T_MeV, expected in [(0.005, 4.95939754302), (0.030, 42.7754685139)]:
        E_ee = sum(c * T_MeV ** (i + 1) for i, c in enumerate(nominal))
        assert 13348.0 * E_ee == pytest.approx(expected, rel=1e-11)
    # Each published shift is symmetric about nominal, to the six digits printed.
    for name, middle in zip(columns, nominal, strict=True):
        for shift in ("shift0", "shift1"):
            ends = table[name][[v.startswith(shift) for v in table["variation"].tolist()]]
            assert ends.mean() == pytest.approx(middle, rel=2e-4)


def test_proxy_is_ordered():
    table = tables.read_csv("csi_quenching", "c20_proxy.csv")
    assert np.all(np.diff(table["t_kev"]) > 0)
    assert table["quenching_factor"].max() == pytest.approx(0.090311)
