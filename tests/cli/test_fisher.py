"""The fisher command: expected errors are those of the library, as text, JSON and figure."""

import json

import cevnsjax as cj

PNG = b"\x89PNG"
ONE_CELL = ("csi-2017", "--set", "statistic=counting")


def test_json_and_files(run, tmp_path):
    words = ("--free", "sin2_theta_w", "--truth", "sin2_theta_w=0.22", "--fix", "R_n_Cs=5")
    files = ("--output", "f.json", "--plot", "f.png")
    done = run("fisher", *ONE_CELL, *words, *files, "--json")
    assert done.code == 0, done.err
    model = cj.Model(cj.experiments.csi_2017(statistic="counting"))
    expected = cj.fisher(
        model, ["sin2_theta_w"], truth={"sin2_theta_w": 0.22}, fixed={"R_n_Cs": 5.0}
    )
    assert json.loads(done.out) == expected.to_dict()
    assert json.loads((tmp_path / "f.json").read_text()) == expected.to_dict()
    assert (tmp_path / "f.png").read_bytes().startswith(PNG)


def test_naming_a_parameter_switches_its_interaction_on(run):
    done = run("fisher", *ONE_CELL, "--free", "eps_uV_ee")
    assert done.code == 0, done.err
    for text in ("eps_uV_ee", "expected error", "alpha_sig_csi2017"):
        assert text in done.out


def test_bad_input(run):
    for words, message in (
        (("--truth", "sin2_theta_w"), "should read name=value"),
        (("--free", "sin2"), "unknown parameter 'sin2'"),
        (("--output", "f.nc"), "use one of .json"),
    ):
        done = run("fisher", *ONE_CELL, *words)
        assert done.code == 2
        assert message in done.err
        assert done.err.count("\n") == 1
