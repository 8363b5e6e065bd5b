"""Errors of the command-line parser are one line with exit status 2, like all others."""

import json

import pytest

from cevnsjax import __version__
from cevnsjax.cli.sink import table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fitt"], "No such command 'fitt'"),
        (["fit", "csi-2017", "--levle", "3"], "No such option"),
        (["profile", "csi-2017", "--level", "ninety"], "--level"),
        (["predict", "csi-2017", "--energy", "5"], "belongs to --quantity dsigma_dT_nr"),
        (["predict", "csi-2017", "--quantity", "dsigma_dT_nr", "--energy", "-5"], "between 0"),
        (["fit", "csi-2017", "--free", "R_n_Cs", "--free", "R_n_Cs"], "each parameter once"),
        (["fit", "csi-2017", "--seed", "1", "--seed", "2"], "--seed is given twice; give it once"),
        (["profile", "--side=upper", "csi-2017", "--side", "lower"], "--side is given twice"),
        (["toys", "csi-2017", "--toys", "9", "--n", "9"], "--toys is given twice"),
    ],
)
def test_one_line(run, words, message):
    done = run(*words)
    assert done.code == 2
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1


def test_version(run):
    assert run("--version").out.strip() == __version__


def test_tables_print_brackets_as_they_are():
    text = table("rate [1/kg/keV]", ("T_nr [keV]", "interval"), [("1", "[nan, nan]")])
    for part in ("rate [1/kg/keV]", "T_nr [keV]", "[nan, nan]"):
        assert part in text


def test_predict_applies_pulls(run):
    plain, moved = (
        json.loads(run("predict", "csi-2017", "--json", *words).out)
        for words in ([], ["--fix", "alpha_sig_csi2017=0.5"])
    )
    assert sum(moved["signal"]["nu_e"]) == pytest.approx(1.5 * sum(plain["signal"]["nu_e"]))
