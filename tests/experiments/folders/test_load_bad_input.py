"""Bad experiment folders give one line with file, key and remedy, before any long work."""

import os

import pytest

from cevnsjax.core.errors import DataError, InputError
from cevnsjax.experiments import load, write_template

TOML = "my_ge/experiment.toml: "
# Text to replace, its replacement (in experiment.toml unless a file is named), the message.
KEYS = {
    # values
    "negative": ("a = 0.95", "a = -1", "[efficiency] a must be > 0, got -1"),
    "zero mass": ("mass_kg = 10.0", "mass_kg = 0", "[target] mass_kg must be > 0, got 0"),
    "share of 2": ("\nsd = 0.05", "\nsd = -0.05", "[[nuisances]] sd must be > 0, got -0.05"),
    "nan": (
        "mass_kg = 10.0",
        "mass_kg = nan",
        "mass_kg must be a finite number, got nan; write e.g.",
    ),
    "huge": ("mass_kg = 10.0", f"mass_kg = 1{'0' * 400}", "mass_kg must be a finite number"),
    "above 1": (
        "a = 0.95",
        "a = 1.2",
        "[efficiency] is 1.2 at E_ee_keV = 0.45; an efficiency is at",
    ),
    "nowhere": ("x_0 = 0.15", "x_0 = 0.15\nd = -0.95", "[efficiency] is 0 in every bin; check it"),
    # wrong types
    "text": (
        "mass_kg = 10.0",
        'mass_kg = "10"',
        'mass_kg must be a finite number, got "10"; write e.g. mass_kg = 10.0',
    ),
    "true": ("mass_kg = 10.0", "mass_kg = true", "mass_kg must be a finite number, got True"),
    "list": ("mass_kg = 10.0", "mass_kg = [10]", "mass_kg must be a finite number, got [10]"),
    "number": (
        'name = "my-ge"',
        "name = 3",
        "name must be a short name of letters, digits, - and _",
    ),
    "no list": (
        "[0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]",
        "6",
        "[binning] edges must be a list of finite numbers, got 6; write e.g. edges =",
    ),
    "no names": (
        '["signal"]',
        '"signal"',
        "[[nuisances]] components must be a list of short names",
    ),
    "kind 3": (
        'kind = "gaussian"',
        "kind = 3",
        "[resolution] unknown kind '3'; known: gamma, gaussian",
    ),
    "half": ("# nodes = 20", "nodes = 2.5 #", "[binning] nodes must be a whole number, got 2.5"),
    "shares": (
        "{ U235 = 0.56, ",
        '{ U235 = "a", ',
        "[neutrinos] fission_fractions must be numbers by name",
    ),
    # unknown, missing
    "key": ("mass_kg", "mas_kg", "[target] unknown key 'mas_kg'; did you mean mass_kg?"),
    "unit": (
        "mass_kg",
        "mass",
        "[target] unknown key 'mass'; did you mean mass_kg? (a unit is part of a key: mass_kg)",
    ),
    "other unit": (
        "baseline_m",
        "baseline_cm",
        "[neutrinos] unknown key 'baseline_cm'; did you mean baseline_m?",
    ),
    "power": (
        "thermal_power_gw",
        "power_gw",
        "[neutrinos] unknown key 'power_gw'; did you mean thermal_power_gw?",
    ),
    "missing": ("mass_kg = 10.0", "", "[target] mass_kg is missing; write e.g. mass_kg = 10.0"),
    "statistic": (
        'statistic = "poisson"',
        "",
        'statistic is missing; write e.g. statistic = "poisson"',
    ),
    "section": (
        "[efficiency]",
        "[efficienc]",
        "unknown section or key 'efficienc'; did you mean efficiency?",
    ),
    "top key": ("title = ", "titl = ", "unknown section or key 'titl'; did you mean title"),
    "no kind": (
        'kind = "reactor"',
        "",
        'neutrinos] kind is missing; write e.g. kind = "decay_at_rest" (known: ',
    ),
    "kind": (
        'kind = "reactor"',
        'kind = "reaktor"',
        "[neutrinos] unknown kind 'reaktor'; did you mean reactor?",
    ),
    "kinds mixed": (
        'kind = "logistic"',
        'kind = "constant"\nvalue = 1',
        '[efficiency] a belongs to kind = "logistic", not to "constant"; remove it',
    ),
    "material": (
        'material = "Ge"',
        'material = "Gee"',
        "[target] unknown material 'Gee'; did you mean Ge?",
    ),
    "no material": (
        'material = "Ge"',
        "",
        '[target] needs material or atoms, got neither; write e.g. material = "Ge"',
    ),
    "both": (
        'material = "Ge"',
        'material = "Ge"\natoms = { Ge = 1 }',
        "[target] needs material or atoms, got both",
    ),
    "element": (
        'material = "Ge"',
        "atoms = { Gee = 1 }",
        "[target] unknown element or isotope 'Gee'; did you mean ",
    ),
    "no atoms": (
        'material = "Ge"',
        "atoms = { Ge = 0 }",
        "[target] atoms must be > 0 for every name",
    ),
    "twice": (
        'material = "Ge"',
        "atoms = { Ge = 1, 76Ge = 1 }",
        "[target] atoms has 76Ge twice; keep one",
    ),
    "isotope": (
        "U235 =",
        "U236 =",
        "[neutrinos] unknown isotope in fission_fractions 'U236'; did you mean U23",
    ),
    "sum": (
        "U235 = 0.56",
        "U235 = 0.5",
        "[neutrinos] fission fractions must sum to 1, got 0.94; divide",
    ),
    "statistics": ('"poisson"', '"gaussia"', "unknown statistic 'gaussia'; did you mean gaussian?"),
    "scale": (
        '# nuisances = ["qf_scale"]',
        'nuisances = ["qf_scale"] #',
        "[quenching] qf_scale and scale_sd belong together; add scale_sd = 0.05",
    ),
    "scale sd": (
        "# scale_sd",
        "scale_sd",
        '[quenching] qf_scale and scale_sd belong together; add "qf_scale" to nuisances',
    ),
    "variation": (
        '# nuisances = ["qf_scale"]',
        'nuisances = ["qf_1"] #',
        "[quenching] unknown quenching nuisance 'qf_1'; did you mean qf_scale?",
    ),
    # names
    "blank name": (
        '"my-ge"',
        '"my ge"',
        "name must be a short name of letters, digits, - and _ that starts",
    ),
    "digit": ('"my-ge"', '"3ge"', "name must be a short name"),
    "long": ('"my-ge"', f'"{"x" * 40}"', "name must be a short name"),
    "lines": ('title = "', 'title = "\\n', "title must be text on one line"),
    "dashed": (
        'name = "sig"',
        'name = "s-ig"',
        "[[nuisances]] name must be a short name of letters, digits and _ that",
    ),
    "same nuisance": (
        'name = "bkg"',
        'name = "sig"',
        "[[nuisances]] name 'sig' is given twice; give each its own",
    ),
    "same component": (
        '["flat", "rising"]',
        '["flat", "flat"]',
        "[[nuisances]] components must be free of repetitions",
    ),
    "component": (
        '["signal"]',
        '["signals"]',
        "[[nuisances]] unknown component 'signals'; did you mean signal?",
    ),
    # shapes
    "decreasing": (
        "0.15, 0.2,",
        "0.2, 0.15,",
        "[binning] edges must be two or more numbers that increase, got [",
    ),
    "one edge": (
        "[0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]",
        "[0.15]",
        "[binning] edges must be two or more numbers that increase",
    ),
    "too high": (
        "[0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]",
        "[15, 20, 25, 30, 35, 40, 45]",
        "edges start at 15, but the largest recoil, 3.07 keV, gives",
    ),
    "fewer bins": (
        "0.15, 0.2, ",
        "0.15, ",
        "backgrounds.csv has 6 rows, but the edges make 5 bins; write one row a bin",
    ),
    "steps": (
        "# steps = [[5.0, 1.0]]",
        "steps = [[5.0, 1.5]] #",
        "[efficiency] steps must be rows of [observable, factor in [0, 1]], increasing",
    ),
    "single bracket": (
        '[[nuisances]]\nname = "sig"',
        '[nuisances]\nname = "sig"',
        "is not valid TOML",
    ),
    "section as key": ("[target]", "target = 3\n[other]", "unknown section or key 'other'"),
    # quenching
    "turns": (
        'kind = "table"',
        'kind = "polynomial"\ncoefficients_mev = [0.2, -100.0]',
        "[quenching] gives E_ee = -0.000199 keV at T_nr = 2 keV; it must be above 0",
    ),
    "above recoil": (
        'kind = "table"',
        'kind = "polynomial"\ncoefficients_mev = [2.0]',
        "[quenching] gives E_ee = ",
    ),
    "rows": (
        'kind = "table"',
        'kind = "polynomial"\ncoefficients_mev = [0.2]\nvariations_mev = [[0.1, 0.2]]',
        "[quenching] quenching polynomial with 1 coefficients needs variations of the same length",
    ),
    "factor": (
        'kind = "table"',
        'kind = "constant"\nfactor = 1.5',
        "[quenching] factor must be in (0, 1], got 1.5",
    ),
    # resolution, time
    "too narrow": (
        "c = 0.08",
        "c = 1e-7",
        "my-ge: the resolution is too narrow for bins from 0.15 to 0.45",
    ),
    "not accurate": (
        "# accuracy = 1e-06",
        "accuracy = 1e-14",
        "[binning] accuracy must be from 1e-12 to 0.1, got 1e-14",
    ),
    "too many nodes": ("# nodes = 20", "nodes = 2000", "[binning] nodes must be from 1 to 1000"),
    "fractional": (
        'kind = "gaussian"',
        'kind = "poisson"',
        '[resolution] kind = "poisson" counts photoelectrons: [binning] edges must be whole',
    ),
    "pulse": (
        "[data]",
        '[time]\nkind = "pulse"\nedges_us = [0, 1]\nmean_us = 0\nsigma_us = 1\n[data]',
        '[time] kind = "pulse" needs [neutrinos] kind = "decay_at_rest"; give kind = "fractions"',
    ),
    "times": (
        "[data]",
        '[time]\nkind = "fractions"\nedges_us = [0, 0]\nfile = "x"\n[data]',
        "[time] edges_us must be two or more numbers that increase",
    ),
    # data
    "no data": (
        '[data]\nkind = "counts" # or planned\n',
        "",
        'section [data] is missing; write it, with e.g. kind = "counts"',
    ),
    "gaussian plan": (
        '"poisson"',
        '"gaussian"',
        '[data] kind = "planned" has no variances for statistic = "gaussian"; write',
    ),
    "no file": (
        '"data.csv"',
        '"dat.csv"',
        "[data] file: there is no my_ge/dat.csv; write it or correct the name",
    ),
    "outside": (
        '"data.csv"',
        '"../data.csv"',
        "[data] file must lie in my_ge, got '../data.csv'; copy it in",
    ),
    "absolute": ('"data.csv"', '"/etc/hosts"', "[data] file must lie in my_ge, got '/etc/hosts'"),
    "a folder": ('"data.csv"', '"."', "[data] file: there is no my_ge"),
    "columns": (
        '# columns = ["flat"]',
        'columns = ["flatt"] #',
        "backgrounds.csv lacks the column flatt; it has flat, rising and needs flatt",
    ),
}
TABLES = {
    "ragged": (
        "data.csv",
        "6556\n",
        "6556,1\n",
        "data.csv line 3 has 2 fields, not 1; give one value for each",
    ),
    "nan": (
        "data.csv",
        "6556\n",
        "nan\n",
        "data.csv line 3: observed is 'nan'; write a finite number",
    ),
    "word": (
        "data.csv",
        "6556\n",
        "many\n",
        "data.csv line 3: observed is 'many'; write a finite number",
    ),
    "negative": (
        "data.csv",
        "6556\n",
        "-3\n",
        "data.csv: observed must be >= 0 with statistic poisson, got -3 in row 1",
    ),
    "column": (
        "data.csv",
        "observed\n",
        "seen\n",
        "data.csv lacks the column observed; it has seen and needs observed",
    ),
    "repeated": (
        "backgrounds.csv",
        "flat,rising",
        "flat,flat",
        "backgrounds.csv repeats a column name",
    ),
    "header": (
        "data.csv",
        "observed\n6556\n3996\n2727\n2195\n1960\n1849\n",
        "",
        "data.csv has no header; write the column names",
    ),
    "no rows": (
        "data.csv",
        "6556\n3996\n2727\n2195\n1960\n1849\n",
        "",
        "data.csv has no rows; write one a line below",
    ),
    "one row more": (
        "data.csv",
        "6556\n",
        "6556\n6556\n",
        "data.csv has 7 rows, but the edges make 6 bins; write one row a bin",
    ),
    "background": (
        "backgrounds.csv",
        "1734,2537",
        "-1,2537",
        "backgrounds.csv: flat must be >= 0, got -1 in row 1",
    ),
    "signal": (
        "backgrounds.csv",
        "flat,",
        "signal,",
        "backgrounds.csv: a background cannot be called 'signal'; use letters",
    ),
    "source": ("backgrounds.csv", "flat,", "nu_e_bar,", "a background cannot be called 'nu_e_bar'"),
    "odd": ("backgrounds.csv", "flat,", "1 flat,", "a background cannot be called '1 flat'"),
    "factor": (
        "quenching.csv",
        "0.1,0.1259",
        "0.1,-0.1",
        "quenching.csv: quenching_factor must be in (0, 1], got -0.1 in row 1",
    ),
    "unsorted": (
        "quenching.csv",
        "0.1,",
        "0.25,",
        "quenching.csv: tabulated quenching: recoil energies must increase; sort",
    ),
    "negative T": (
        "quenching.csv",
        "0.1,",
        "-0.1,",
        "recoil_energy_kev must be >= 0, got -0.1 in row 1",
    ),
    "turning": (
        "quenching.csv",
        "2.0,0.1876\n3.0,0.1981",
        "2.0,0.06\n3.0,0.03",
        "[quenching] gives E_ee = -0.000471 keV at T_nr = 2.2 keV; it must be above 0",
    ),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_template("my_ge")
    return tmp_path / "my_ge"


def message_of(error):
    """The message of an error, which must be one line."""
    text = str(error.value)
    assert "\n" not in text
    assert "reinstall" not in text
    return text


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(("old", "new", "said"), KEYS.values(), ids=KEYS)
def test_keys(folder, old, new, said):
    path = folder / "experiment.toml"
    edit(path, old, new)
    if new == '"gaussian"':
        edit(path, 'kind = "counts"', 'kind = "planned"')
        edit(path, 'file = "data.csv"', "")
    if 'kind = "polynomial"' in new or 'kind = "constant"\nfactor' in new:
        edit(path, 'file = "quenching.csv"', "")
    if old.startswith("[data]") and not new:
        edit(path, 'file = "data.csv"', "")
    if new == 'kind = "poisson"':
        edit(path, "c = 0.08", "")
    if said.startswith(("edges start", "[efficiency] is 1.2")):
        edit(path, '[resolution]\nkind = "gaussian"', '[resolution]\nkind = "none" #')
        edit(path, "c = 0.08", "")
    with pytest.raises((InputError, DataError)) as error:
        load("my_ge")
    text = message_of(error)
    assert said in text
    assert text.startswith(("my_ge/experiment.toml", "my_ge/backgrounds.csv"))


@pytest.mark.parametrize(("file", "old", "new", "said"), TABLES.values(), ids=TABLES)
def test_tables(folder, file, old, new, said):
    edit(folder / file, old, new)
    with pytest.raises((InputError, DataError)) as error:
        load("my_ge")
    text = message_of(error)
    assert said in text
    assert text.startswith("my_ge/")


def with_table(folder, section, columns, rows):
    """The template with [efficiency] or [time] from a table."""
    (folder / "table.csv").write_text("\n".join([columns, *rows]))
    path = folder / "experiment.toml"
    if section == "time":
        edit(
            path,
            "[data]",
            '[time]\nkind = "fractions"\nedges_us = [0, 1, 2]\nfile = "table.csv"\n[data]',
        )
    elif section == "efficiency":
        edit(path, 'kind = "logistic"', 'kind = "table"\nfile = "table.csv"')
        for key in ("a = 0.95", "k = 60.0", "x_0 = 0.15"):
            edit(path, key, "")
    else:
        edit(path, 'statistic = "poisson"', 'statistic = "gaussian"')
        edit(path, '"data.csv"', '"table.csv"')


@pytest.mark.parametrize(
    ("section", "columns", "rows", "said"),
    [
        (
            "efficiency",
            "observable,efficiency",
            ["0,0.5", "1,1.2"],
            "table.csv: efficiency must be in [0, 1], got 1.2 in row 2",
        ),
        (
            "efficiency",
            "observable,efficiency",
            ["0,-0.5", "1,1"],
            "table.csv: efficiency must be in [0, 1], got -0.5 in row 1",
        ),
        (
            "efficiency",
            "observable,efficiency",
            ["1,0.5", "0,1"],
            "table.csv: efficiency table: the observable must increase; sort",
        ),
        (
            "efficiency",
            "observable,efficiency",
            ["0,0.5"],
            "table.csv: efficiency table needs two points or more",
        ),
        (
            "efficiency",
            "x,efficiency",
            ["0,0.5"],
            "table.csv lacks the column observable; it has x, efficiency and needs",
        ),
        (
            "efficiency",
            "observable,efficiency",
            ["1,0.5", "2,0.5"],
            "[efficiency] is 0 in every bin",
        ),
        (
            "time",
            "nu_e",
            ["0.5", "0.5"],
            "backgrounds.csv has 6 rows, but the edges make 6 x 2 bins; write",
        ),
        ("data", "observed", ["1"] * 6, "table.csv lacks the column variance"),
        (
            "data",
            "observed,variance",
            ["-1,0"] * 6,
            "table.csv: variance must be > 0 (merge empty bins), got 0 in row 1",
        ),
    ],
)
def test_further_tables(folder, section, columns, rows, said):
    with_table(folder, section, columns, rows)
    with pytest.raises((InputError, DataError)) as error:
        load("my_ge")
    assert said in message_of(error)


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [
        (
            "nu_e",
            ["0.5", "0.5"],
            "table.csv lacks the column nu_e_bar; it has nu_e and needs nu_e_bar",
        ),
        ("nu_e_bar", ["0.5"], "table.csv has 1 rows, but the edges make 2 bins"),
        (
            "nu_e_bar",
            ["0.8", "0.8"],
            "table.csv: nu_e_bar adds up to 1.6; fractions add up to 1 at most",
        ),
        ("nu_e_bar", ["-0.1", "0.8"], "table.csv: nu_e_bar must be in [0, 1], got -0.1 in row 1"),
    ],
)
def test_time_fractions(folder, columns, rows, said):
    with_table(folder, "time", columns, rows)
    path = folder / "experiment.toml"
    edit(path, '[backgrounds]\nfile = "backgrounds.csv"', "")
    edit(path, '["flat", "rising"]', '["signal"]')
    edit(path, 'kind = "counts"', 'kind = "planned"')
    edit(path, 'file = "data.csv"', "")
    with pytest.raises((InputError, DataError)) as error:
        load("my_ge")
    assert said in message_of(error)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("energy_mev,density_per_mev\n2,1\n1,1", "table.csv: energies must increase"),
        ("energy_mev,density_per_mev\n0,1\n1,1", "table.csv: a spectrum starts above 0 MeV"),
        ("energy_mev,density_per_mev\n1,-1\n2,1", "table.csv: densities must be >= 0"),
        ("energy_mev\n1\n2", "table.csv lacks the column density_per_mev"),
    ],
)
def test_spectra(folder, table, said):
    (folder / "table.csv").write_text(table)
    path = folder / "experiment.toml"
    text = path.read_text()
    start, end = text.index('kind = "reactor"'), text.index("# Electron-equivalent")
    section = 'kind = "table"\nfile = "table.csv"\nflavour = "nu_e"\n'
    section += "fluence_per_cm2 = 1e15\nbaseline_m = 1\n"
    path.write_text(text[:start] + section + text[end:])
    with pytest.raises((InputError, DataError)) as error:
        load("my_ge")
    assert said in message_of(error)


# --- folders and files ---
def test_no_folder(folder):
    with pytest.raises(
        InputError, match="there is no folder my_xe; `cevnsjax new-experiment my_xe`"
    ):
        load("my_xe")
    with pytest.raises(
        InputError, match=r"data\.csv is a file; give the folder that holds experiment"
    ):
        load("my_ge/data.csv")
    (folder / "experiment.toml").unlink()
    with pytest.raises(
        InputError, match=r"my_ge has no experiment\.toml; `cevnsjax new-experiment`"
    ):
        load("my_ge")


@pytest.mark.parametrize("content", [b"name = ", b"name = '\xff'", b"name = 'a'\nname = 'b'"])
def test_invalid_toml(folder, content):
    (folder / "experiment.toml").write_bytes(content)
    with pytest.raises(
        DataError, match=r"^my_ge/experiment\.toml is not valid TOML: .*; correct it$"
    ):
        load("my_ge")


def test_invalid_csv(folder):
    (folder / "data.csv").write_text("observed\n" + "1" * 200_000)
    with pytest.raises(DataError, match=r"^my_ge/data\.csv is not valid CSV: .*; correct it$"):
        load("my_ge")


def test_link_that_leaves_the_folder(folder, tmp_path):
    (folder / "data.csv").rename(tmp_path / "data.csv")
    (folder / "data.csv").symlink_to(tmp_path / "data.csv")
    with pytest.raises(InputError, match=r"file must lie in my_ge, got 'data\.csv'; copy it in"):
        load("my_ge")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_unreadable_file(folder):
    (folder / "data.csv").chmod(0)
    with pytest.raises(DataError, match=r"my_ge/data\.csv cannot be read: .*; check its rights"):
        load("my_ge")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("target = 3", "target must be a section; write [target] above it"),
        ("[[target]]\nmass_kg = 1", "target must be a section; write [target] above it"),
        ("[nuisances]\nname = 'a'", "nuisances must be a section; write [[nuisances]] above it"),
        ("", "section [target] is missing; write it, with e.g. mass_kg = 10.0"),
    ],
)
def test_sections_of_a_wrong_form(folder, content, said):
    (folder / "experiment.toml").write_text(f'name = "a"\nstatistic = "poisson"\n{content}')
    text = (folder / "experiment.toml").read_text()
    if "nuisances" in content:
        write_template("my_ge", overwrite=True)
        text = (folder / "experiment.toml").read_text()
        text = text[: text.index("[[nuisances]]")] + content
        (folder / "experiment.toml").write_text(text)
    with pytest.raises(InputError) as error:
        load("my_ge")
    assert said in message_of(error)
    assert message_of(error).startswith(TOML)


def test_neutrinos_beyond_coherence(folder):
    (folder / "table.csv").write_text("energy_mev,density_per_mev\n1,1\n4e21,0\n")
    path = folder / "experiment.toml"
    text = path.read_text()
    start, end = text.index('kind = "reactor"'), text.index("# Electron-equivalent")
    section = 'kind = "table"\nfile = "table.csv"\nflavour = "nu_e"\n'
    section += "fluence_per_cm2 = 1e15\nbaseline_m = 1\n"
    path.write_text(text[:start] + section + text[end:])
    with pytest.raises(DataError, match=r"table\.csv: energy_mev must be from 0 to 100000, got 4e"):
        load("my_ge")
