"""What an experiment is, on the command line and printed: the package's own, and a user's."""

import json
from dataclasses import replace

from cevnsjax.experiments import csi_2017, csi_2021, load


def as_object(done):
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    return json.loads(done.out)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_show_of_a_release(run):
    done = run("show", "csi-2017")
    assert (done.code, done.err) == (0, "")
    head, _, options = done.out.rstrip("\n").rpartition("\n\n")
    assert head == str(csi_2017())
    lines = head.splitlines()
    assert lines[0] == "csi-2017: COHERENT CsI[Na] 2017"
    assert "from         Akimov et al., Science 357, 1123; doi:10.5281/zenodo.1228631" in lines
    assert "target       14.57 kg of CsI (133Cs, 127I)" in lines
    assert "neutrinos    3.008e+14/cm^2 of nu_mu, of nu_mu_bar, of nu_e" in lines
    assert "bins         12 of n_pe: 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30" in lines
    assert "data         142 events" in lines
    assert "backgrounds  5.41934 of prompt_neutrons" in lines
    estimate = f"{csi_2017().accuracy:.1g} of the largest cell (1e-09 wanted)"
    assert f"accuracy     {estimate}" in lines
    words = "alpha_sig_csi2017  normal  0.128  signal           relative shift of the CEvNS signal"
    assert words in lines
    defaults = dict(line.split(maxsplit=1) for line in options.splitlines())
    assert defaults["option"] == "default"
    assert (defaults["bins"], defaults["quenching"]) == ("6,30", "coherent2020")
    assert defaults["mass_kg"] == "-"
    assert max(map(len, lines)) <= 100


def test_show_as_json(run):
    got = as_object(run("show", "csi-2021", "--json"))
    assert got["bins"]["n_pe"] == list(csi_2021().detector.edges)
    assert got["bins"]["t_us"][-1] == 6
    assert got["observed"] == csi_2021().observed.sum()
    assert got["resolution"]["kind"] == "GammaSmearing"
    assert got["options"]["morphs"] == "all"
    assert 0 <= got["accuracy"] <= got["accuracy_wanted"] == 1e-9
    kinds = {n["name"]: (n["kind"], n["width"], n["changes"]) for n in got["nuisances"]}
    assert kinds["alpha_brn_csi2021"] == ("normal", 0.25, ["brn"])
    assert kinds["alpha_qf_1_csi2021"] == ("shape", 1.0, ["signal"])
    names = [p.name for p in csi_2021().parameters]
    assert list(kinds) == names


def test_show_of_a_folder(run, tmp_path):
    """Planned, with a nuisance of the curve, a free one, and text that looks like markup."""
    run("new-experiment", "my_ge")
    file = tmp_path / "my_ge" / "experiment.toml"
    title = r"Ge [keV] $\\frac{$ [/bold] at a reactor"
    edit(file, "My germanium detector at a reactor (made up)", title)
    edit(file, '\nkind = "counts"', '\nkind = "planned"')
    edit(file, 'file = "data.csv"', "")
    edit(file, "sd = 0.02", 'sd = inf\nkind = "lognormal"')
    edit(
        file,
        'file = "quenching.csv"',
        'file = "quenching.csv"\nnuisances = ["qf_scale"]\nscale_sd = 0.1',
    )
    done = run("show", "./my_ge")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{load(tmp_path / 'my_ge')}\n"
    lines = done.out.splitlines()
    assert lines[0] == r"my-ge: Ge [keV] $\frac{$ [/bold] at a reactor (planned)"
    assert "data         planned: none yet" in lines
    assert "resolution   GaussianSmearing, c = 0.08" in lines
    assert "neutrinos    3.21e+20/cm^2 of nu_e_bar" in lines
    table = {line.split()[0]: line.split()[1:4] for line in lines if "_myge" in line}
    assert table["qf_scale_myge"] == ["curve", "0.1", "quenching"]
    assert table["alpha_bkg_myge"][:2] == ["lognormal", "free"]
    got = as_object(run("show", "./my_ge", "--json"))
    assert (got["observed"], got["options"]) == (None, {})
    assert got["nuisances"][2]["width"] is None


def test_text_cannot_repaint_the_terminal():
    text = str(replace(csi_2017(), title="\x1b[31mred\nline", source="a\x07b"))
    assert text.splitlines()[0] == r"csi-2017: \x1b[31mred line"
    assert text.splitlines()[1] == r"from         a\x07b"


def test_show_of_nothing(run):
    done = run("show", "csi2017")
    assert done.code == 2
    assert done.err.startswith("cevnsjax: unknown experiment 'csi2017'; did you mean csi-2017")
    done = run("show", "./nowhere")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "there is no folder nowhere" in done.err
