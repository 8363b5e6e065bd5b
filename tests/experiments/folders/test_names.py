"""Two things never share a name unasked: nuisances, components, axes; and columns with text."""

import codecs
import math
from dataclasses import replace

import pytest

import cevnsjax as cj
from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.experiments import load, write_template

ONE_BIN = """name = "{name}"
statistic = "poisson"
[target]
mass_kg = 10.0
material = "Ge"
[neutrinos]
kind = "reactor"
thermal_power_gw = 3.0
baseline_m = 20.0
exposure_days = 365.0
fission_fractions = {{ U235 = 0.56, U238 = 0.08, Pu239 = 0.3, Pu241 = 0.06 }}
[quenching]
kind = "constant"
factor = 0.2
[binning]
observable = "{observable}"
observable_per_kevee = 1.0
edges = [0.2, 0.3]
[efficiency]
kind = "constant"
value = 1.0
[backgrounds]
file = "b.csv"
[[nuisances]]
name = "{nuisance}"
sd = 0.1
components = ["signal"]
[data]
kind = "counts"
file = "d.csv"
"""


@pytest.fixture
def one_bin(tmp_path):
    """Function of a name and a nuisance that gives an experiment of one bin."""

    def make(name, nuisance="sig", *, background="flat", observable="E_ee_keV", more=""):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        text = ONE_BIN.format(name=name, nuisance=nuisance, observable=observable)
        (folder / "experiment.toml").write_text(text + more)
        (folder / "b.csv").write_text(f"{background}\n500\n")
        (folder / "d.csv").write_text("observed\n2500\n")
        return load(folder)

    return make


def test_hyphen_and_underscore_are_told_apart(one_bin):
    both = [one_bin("ge-1"), one_bin("ge_1")]
    alone, together = (cj.fit(cj.Model(e), "sin2_theta_w") for e in (both[0], both))
    assert [n for n in together.values if n.startswith("alpha")] == [
        "alpha_sig_ge1",
        "alpha_sig_ge_1",
    ]
    # Two equal measurements without anything in common: the error falls by the root of two.
    error = together.errors["sin2_theta_w"]
    assert error == pytest.approx(0.01098, abs=5e-6)
    assert error == pytest.approx(alone.errors["sin2_theta_w"] / math.sqrt(2), rel=1e-3)
    with pytest.raises(InputError, match="ge-1 and ge1 would share the nuisance alpha_sig_ge1, be"):
        cj.Model([both[0], one_bin("ge1")])
    with pytest.raises(InputError, match="would share the nuisance alpha_a_b_c, because"):
        cj.Model([one_bin("b_c", "a"), one_bin("c", "a_b")])


def test_sharing_that_is_asked_for(one_bin):
    shared = cj.Model([one_bin("one", "alpha_flux"), one_bin("two", "alpha_flux")])
    assert shared.parameters["alpha_flux"].owner == "one, two"
    # A name of another experiment's own nuisance, written in full.
    mine = cj.Model([one_bin("one"), one_bin("two", "alpha_sig_one")])
    assert mine.parameters["alpha_sig_one"].owner == "one, two"
    csi = cj.experiments.csi_2017()
    assert len(cj.Model([csi, replace(csi, name="csi-b")]).experiments) == 2


@pytest.mark.parametrize(
    ("name", "nuisance", "latex"),
    [
        ("ge-1", "sig", r"\alpha_\mathrm{sig}"),
        ("ge_1", "sig_a", r"\alpha_\mathrm{sig\_a}"),
        ("ge_1", "alpha_flux_sns", r"\alpha_\mathrm{flux}"),
        ("ge_1", "alpha_flux", r"\alpha_\mathrm{flux}"),
        ("ge_1", "alpha_", r"\alpha_\mathrm{alpha\_}"),
    ],
)
def test_labels_say_what_is_shifted(one_bin, name, nuisance, latex):
    (parameter,) = one_bin(name, nuisance).parameters
    assert parameter.latex == latex


@pytest.mark.parametrize("name", ["observed", "variance", "total", "signal", "nu_e_bar"])
def test_backgrounds_with_a_taken_name(one_bin, name):
    with pytest.raises(InputError, match=f"a background cannot be called '{name}'"):
        one_bin("ge", background=name)
    experiment = one_bin("ge")
    with pytest.raises(InputError, match=f"a background cannot be called '{name}'"):
        replace(experiment, backgrounds={name: experiment.observed})


def test_two_axes_with_one_name(one_bin):
    time = '[time]\nkind = "fractions"\nedges_us = [0, 1]\nfile = "b.csv"\n'
    with pytest.raises(
        InputError, match=r"\[binning\] observable cannot be called source or t_us; ren"
    ):
        one_bin("ge", observable="t_us", more=time)
    experiment = cj.experiments.csi_2021()
    with pytest.raises(InputError, match="two observables are called t_us; give each its own"):
        replace(experiment, observable="t_us")


def test_two_nuisances_with_one_name():
    csi = cj.experiments.csi_2017()
    with pytest.raises(InputError, match="two nuisances are called alpha_sig_csi2017; give each"):
        replace(csi, pulls=(csi.pulls[0], csi.pulls[0]))


def test_a_pull_of_nothing():
    csi = cj.experiments.csi_2017()
    pull = replace(csi.pulls[0], components=("sginal",))
    said = "unknown component of alpha_sig_csi2017 in csi-2017 'sginal'; did you mean signal"
    with pytest.raises(UnknownNameError, match=said):
        replace(csi, pulls=(pull,))


def test_owner_of_quenching_parameters_is_the_experiment():
    csi = cj.experiments.csi_2017(shape=["qf_scale", "qf_1"])
    assert {p.owner for p in csi.parameters} == {"csi-2017"}
    assert [*csi.shape] == ["qf_scale", "qf_1"]
    assert csi.shape["qf_1"].name == "qf_1_csi2017"


# --- byte-order marks, and columns that nobody asked for ---
@pytest.fixture
def folder(tmp_path):
    write_template(tmp_path / "my_ge")
    return tmp_path / "my_ge"


def test_columns_with_text(folder):
    path = folder / "data.csv"
    head, names, *rows = path.read_text().splitlines()
    counts = load(folder).observed.tolist()
    path.write_text("\n".join([head, f"{names},note", *(f"{r},dead time" for r in rows)]))
    assert load(folder).observed.tolist() == counts
    path.write_text("\n".join([head, f"note,{names}", *(f"dead time,{r}" for r in rows)]))
    assert load(folder).observed.tolist() == counts
    with pytest.raises(DataError, match=r"backgrounds\.csv line 3: note is 'a'; write a finite"):
        _with_note(folder, "")
    assert sorted(_with_note(folder, 'columns = ["flat", "rising"]').backgrounds) == [
        "flat",
        "rising",
    ]


def _with_note(folder, columns):
    """The template with a text column in its backgrounds, and those that are components."""
    path = folder / "backgrounds.csv"
    if "note" not in path.read_text():
        head, names, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, f"{names},note", *(f"{r},a" for r in rows)]))
    text = (folder / "experiment.toml").read_text()
    (folder / "experiment.toml").write_text(
        text.replace('file = "backgrounds.csv"', f'file = "backgrounds.csv"\n{columns}')
    )
    return load(folder)


def test_byte_order_marks(folder):
    plain = load(folder)
    for path in folder.iterdir():
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    marked = load(folder)
    assert marked.observed.tolist() == plain.observed.tolist()
    assert marked.detector == plain.detector


def test_description_that_is_a_link(folder, tmp_path):
    (folder / "experiment.toml").rename(tmp_path / "elsewhere.toml")
    (folder / "experiment.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(InputError, match=r"experiment\.toml must lie in .*my_ge, but is a link"):
        load(folder)


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ("[0.2, 1e308]", "must be a list of finite numbers from 1e-100 to 1e100 in size, got ["),
        ("[1e-310, 0.2]", "must be a list of finite numbers from 1e-100 to 1e100 in size, got ["),
        ("[0.2, nan]", "must be a list of finite numbers, got [0.2, nan]"),
        ("[0.2, inf]", "must be a list of finite numbers, got [0.2, inf]"),
        (f"[{', '.join(map(str, range(10_002)))}]", "edges has 10002 entries; limit 10001"),
        (f"[0x{'f' * 6000}]", "must be a list of finite numbers, got a number of thousands of di"),
    ],
)
def test_edges_at_extremes(folder, edges, said):
    path = folder / "experiment.toml"
    text = path.read_text()
    start = text.index("edges = ")
    path.write_text(text[:start] + f"edges = {edges} #" + text[start:])
    with pytest.raises(InputError) as error:
        load(folder)
    assert said in str(error.value)


# --- parameters of interactions ---
def interaction(name):
    """A user's interaction with one parameter that does nothing."""

    def nothing(_values, _nucleus):
        return cj.Charges(vector={})

    nothing.parameters = [cj.Parameter(name, "made up", 0.0)]
    return nothing


@pytest.mark.parametrize("name", ["sin2_theta_w", "alpha_sig_csi2017", "eps_uV_ee", "mine"])
def test_parameters_of_two_owners(name):
    mine, more = interaction(name), [cj.NSI("eps_uV_ee"), interaction("mine")]
    with pytest.raises(InputError, match=f"parameter {name} is owned by both .+ and .+; rename"):
        cj.Model(cj.experiments.csi_2017(), [mine, *more])


@pytest.mark.parametrize("name", ["", "chain", "chi2"])
def test_names_that_results_have(one_bin, name):
    with pytest.raises(InputError, match=f"a parameter cannot be called '{name}'; results have"):
        interaction(name)
    experiment = replace(one_bin("ge"), name="draw")
    with pytest.raises(InputError, match="an experiment cannot be called 'draw'; results have"):
        cj.Model(experiment)
