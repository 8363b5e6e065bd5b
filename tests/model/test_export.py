"""Exported functions, loaded without the package, agree with the model to the last bit."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from contextlib import chdir, contextmanager
from pathlib import Path

import jax
import numpy as np
import pytest
from jax import export as jax_export

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.model.export import WHAT, export

NAME = "csi-2017"
NAMES = ("sin2_theta_w", "eps_uV_ee", "alpha_sig_csi2017")
POINT = (0.21, 0.07, -0.04)
BLOCKS = re.findall(
    r"```python\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "serving.md").read_text(),
    re.DOTALL,
)
WRITE, LOAD, USE, SERVE = BLOCKS
# An import of the package in the other process fails.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "cevnsjax":
            raise ImportError("cevnsjax is blocked")
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.NSI("eps_uV_ee")])


@pytest.fixture(scope="module")
def archive(model, tmp_path_factory):
    """The nll of three parameters, twice differentiable."""
    path = tmp_path_factory.mktemp("export") / "csi_2017.zip"
    return export(model, path, names=NAMES, derivatives=2)


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The file that the printed code writes."""
    folder = tmp_path_factory.mktemp("documented")
    with chdir(folder):
        exec(WRITE, {})
    return folder / "csi_2017.zip"


def values(point=POINT, names=NAMES):
    return dict(zip(names, np.asarray(point).tolist(), strict=True))


def loaded(path):
    """The parts of an exported file, loaded as docs/serving.md does."""
    stored = np.load(path)
    manifest = json.loads(stored["manifest.json"])
    arrays = {name: stored[name] for name in manifest["arrays"]}
    program = jax_export.deserialize(bytearray(stored["function.bin"]))
    return manifest, arrays, jax.jit(program.call), program


def without_package(code, folder):
    """Standard output of code in a process where cevnsjax cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- in a process without the package ---
def test_documented_loader_gives_the_model_without_the_package(model, archive):
    """The value is equal to the bit, the gradient to 1e-12."""
    more = """
assert "cevnsjax" not in sys.modules
point = np.array([0.21, 0.07, -0.04])
gradient = jax.jit(jax.grad(nll))(point, arrays)
print(json.dumps([float(nll(point, arrays)).hex(), gradient.tolist()]))
"""
    value, gradient = json.loads(without_package(LOAD + more, archive.parent))
    assert float.fromhex(value) == float(model.nll(values()))
    _, slopes = model.value_and_grad(values(), profiled=False)
    np.testing.assert_allclose(gradient, list(slopes.values()), rtol=1e-12)


@pytest.mark.slow
def test_documented_hessian(model, archive):
    _, arrays, nll, _ = loaded(archive)
    _, rows = jax.vjp(jax.grad(nll), np.array(POINT), arrays)
    hessian = [rows(e)[0] for e in np.eye(3)]
    expected = model.hessian(values(), profiled=False)
    np.testing.assert_allclose(hessian, expected, rtol=1e-12, atol=1e-12 * np.max(expected))


def test_package_is_blocked_in_these_tests(tmp_path):
    with pytest.raises(AssertionError, match="cevnsjax is blocked"):
        without_package("import cevnsjax", tmp_path)


@contextmanager
def serving(archive):
    """The documented server in a process without the package; yields its address."""
    script = f"{BLOCKED}\nsys.argv = ['serve.py', {str(archive)!r}, '0']\n{SERVE}"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def asked(address, request=None):
    """Status and content of an answer."""
    body = None if request is None else json.dumps(request).encode()
    try:
        with urllib.request.urlopen(address, body, timeout=60) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_documented_server_end_to_end(model, documented):
    names = ("sin2_theta_w", "eps_uV_ee")
    point = values((0.23, 0.05), names)
    toy = model.toy(3, auxiliary=False).counts[NAME]
    with serving(documented) as address:
        _, manifest = asked(address)
        assert [p["name"] for p in manifest["parameters"]] == list(names)
        for request, data in (
            ({"values": point}, None),
            ({"values": point, "counts": {NAME: toy.tolist()}}, {NAME: toy}),
        ):
            status, got = asked(address, request)
            value, slopes = model.value_and_grad(point, data=data)
            assert status == 200
            assert got["profiled_nll"] == pytest.approx(value, rel=1e-13)
            assert got["gradient"] == pytest.approx(slopes, rel=1e-11)
        for request, message in (
            ({"values": {"theta": 1}}, "unknown parameter theta; known: sin2_theta_w, eps_uV_ee"),
            ({"values": {"sin2_theta_w": 2}}, r"sin2_theta_w = 2 is outside its bounds"),
            ({"counts": {NAME: [1.0]}}, "do not fit"),
            ([], "no attribute"),
        ):
            status, got = asked(address, request)
            assert status == 400
            assert message in got["error"]


def test_documented_use(documented):
    """The lines that write, load and evaluate, as printed, in two processes."""
    more = "print(json.dumps([float(value).hex(), gradient.tolist()]))"
    value, gradient = json.loads(without_package(f"{LOAD}\n{USE}\n{more}", documented.parent))
    model = cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.NSI("eps_uV_ee")])
    at = values((0.23, 0.05), ("sin2_theta_w", "eps_uV_ee"))
    # value_and_grad of a solved likelihood is another program, whose value may round differently.
    assert float.fromhex(value) == pytest.approx(float(model.profiled_nll(at)), rel=1e-14)
    _, slopes = model.value_and_grad(at)
    np.testing.assert_allclose(gradient, list(slopes.values()), rtol=1e-12)


# --- functions, data and many points ---
@pytest.mark.parametrize("what", WHAT)
def test_every_function_equals_that_of_the_model_to_the_bit(model, tmp_path, what):
    path = export(model, tmp_path / "f.zip", what=what, names="sin2_theta_w", derivatives=0)
    manifest, arrays, function, _ = loaded(path)
    for s in (manifest["parameters"][0]["default"], 0.4):
        got = jax.tree.map(np.asarray, function(np.array([s]), arrays))
        expected = jax.tree.map(np.asarray, getattr(model, what)({"sin2_theta_w": s}))
        # XLA fuses the sums of the marginal likelihood differently in a program of its own.
        if what == "marginal_nll":
            np.testing.assert_array_max_ulp(got, expected, maxulp=4)
        else:
            jax.tree.map(np.testing.assert_array_equal, got, expected)


def test_counts_and_held_values_are_arguments(model, archive):
    manifest, arrays, nll, _ = loaded(archive)
    toy = model.toy(5, auxiliary=False)
    other = {**arrays, f"counts_{NAME}": toy.counts[NAME]}
    assert float(nll(np.array(POINT), other)) == float(model.nll(values(), data=toy))
    defaults = arrays["defaults"].copy()
    defaults[manifest["defaults"].index("R_n_Cs")] = 5.5
    moved = float(nll(np.array(POINT), {**arrays, "defaults": defaults}))
    assert moved == float(model.nll({**values(), "R_n_Cs": 5.5}))


def test_gradient_is_that_of_finite_differences(archive):
    _, arrays, nll, _ = loaded(archive)
    gradient, point = jax.grad(nll)(np.array(POINT), arrays), np.array(POINT)
    for k, slope in enumerate(gradient):
        h = 1e-5 * np.eye(3)[k]
        difference = (nll(point + h, arrays) - nll(point - h, arrays)) / 2e-5
        assert float(slope) == pytest.approx(float(difference), rel=1e-6)


def test_many_points(model, tmp_path):
    """``batched`` evaluates any number of points; vmap of a loaded function does not exist."""
    path = export(model, tmp_path / "many.zip", names=NAMES, batched=True)
    manifest, arrays, nll, _ = loaded(path)
    points = np.array(POINT)[None] + np.linspace(0, 0.05, 5)[:, None]
    expected = [float(model.nll(values(p))) for p in points]
    for n in (1, 5):
        np.testing.assert_allclose(nll(points[:n], arrays), expected[:n], rtol=1e-13)
    assert manifest["batched"] is True
    slopes = jax.grad(lambda p: nll(p, arrays).sum())(points)
    by_model = [list(model.value_and_grad(values(p), profiled=False)[1].values()) for p in points]
    np.testing.assert_allclose(slopes, by_model, rtol=1e-12)


def test_a_loaded_function_has_no_vmap_but_works_in_map(model, archive):
    """Once jax supports this, ``batched`` and its documentation can be removed."""
    _, arrays, nll, _ = loaded(archive)
    points = np.array([POINT, (0.3, 0.0, 0.1)])
    with pytest.raises(NotImplementedError, match="call_exported"):
        jax.vmap(nll, in_axes=(0, None))(points, arrays)
    mapped = jax.lax.map(lambda p: nll(p, arrays), points)
    expected = [float(model.nll(values(p))) for p in points]
    np.testing.assert_allclose(mapped, expected, rtol=1e-13)


# --- platforms ---
@pytest.mark.parametrize("what", ["nll", "profiled_nll", "marginal_nll"])
def test_cuda_program_is_made_without_a_gpu(model, tmp_path, what):
    path = export(model, tmp_path / "gpu.zip", what=what, names="sin2_theta_w", platforms="cuda")
    manifest, arrays, function, program = loaded(path)
    assert manifest["platforms"] == ["cuda"]
    assert program.platforms == ("cuda",)
    assert "stablehlo" in program.mlir_module()
    if jax.default_backend() == "cpu":
        with pytest.raises(ValueError, match=r"exported for platforms '\('cuda'"):
            function(np.array([0.2]), arrays)


def test_both_platforms_by_default(archive):
    manifest, _, _, program = loaded(archive)
    assert manifest["platforms"] == ["cpu", "cuda"]
    assert program.platforms == ("cpu", "cuda")


@pytest.mark.slow
@pytest.mark.parametrize(("what", "size"), [("nll", 9), ("profiled_nll", 1)])
def test_poisson_model_with_shapes(tmp_path, what, size):
    """csi_2021 on both platforms: eight nuisances as arguments, or solved by Newton."""
    model = cj.Model(cj.experiments.csi_2021())
    manifest, arrays, function, program = loaded(export(model, tmp_path / "p.zip", what=what))
    assert program.platforms == ("cpu", "cuda")
    names = [p["name"] for p in manifest["parameters"]]
    assert len(names) == size
    point = np.array([p["default"] + 0.1 * p["scale"] for p in manifest["parameters"]])
    at = dict(zip(names, point.tolist(), strict=True))
    assert float(function(point, arrays)) == float(getattr(model, what)(at))
    _, slopes = model.value_and_grad(at, profiled=what != "nll")
    gradient = jax.grad(function)(point, arrays)
    largest = max(abs(x) for x in slopes.values())
    np.testing.assert_allclose(gradient, list(slopes.values()), rtol=1e-9, atol=1e-11 * largest)


def test_joint_model(tmp_path):
    """Counts of each experiment by name."""
    model = cj.Model([cj.experiments.csi_2017(), cj.experiments.lar_2020()])
    path = export(model, tmp_path / "joint.zip", what="expected", names="sin2_theta_w")
    manifest, arrays, expected, _ = loaded(path)
    assert list(manifest["experiments"]) == list(model.experiments)
    got = expected(np.array([0.3]), arrays)
    for name, counts in model.expected({"sin2_theta_w": 0.3}).items():
        assert manifest["experiments"][name]["cells"] == counts.size
        np.testing.assert_array_equal(got[name], counts)


# --- the file ---
def test_manifest_says_what_goes_in_and_comes_out(model, archive):
    manifest, arrays, nll, _ = loaded(archive)
    sin2, eps, pull = manifest["parameters"]
    table = model.parameters
    assert (sin2["name"], sin2["low"], sin2["high"]) == ("sin2_theta_w", 0.0, 1.0)
    assert eps["default"] == 0.0
    width = table["alpha_sig_csi2017"].prior.sd
    assert pull["prior"] == {"kind": "Normal", "mean": 0.0, "sd": width}
    assert (manifest["what"], manifest["precision"]) == ("nll", "float64")
    assert manifest["cevnsjax"] == cj.__version__
    assert manifest["experiments"] == {NAME: {"cells": 12, "statistic": "gaussian"}}
    assert manifest["fixed"]["R_n_Cs"] == table["R_n_Cs"].default
    assert not set(NAMES) & set(manifest["fixed"])
    point = np.array([p["default"] for p in manifest["parameters"]])
    assert float(nll(point, arrays)) == manifest["at_defaults"] == float(model.nll())
    np.testing.assert_array_equal(arrays[f"counts_{NAME}"], model.observed[0])


def test_infinite_bounds_are_null(model, tmp_path):
    table = model.parameters
    unbounded = next(n for n, p in table.items() if np.isinf(p.bounds[1]))
    path = export(model, tmp_path / "f.zip", names=unbounded, derivatives=0)
    text = zipfile.ZipFile(path).read("manifest.json").decode()
    assert "Infinity" not in text
    assert json.loads(text)["parameters"][0]["high"] is None


def test_default_names(model, tmp_path):
    """By default the arguments are free parameters and nuisances that are not solved."""
    for what, pulls in (("nll", ["alpha_sig_csi2017", "alpha_brn_csi2017"]), ("profiled_nll", [])):
        path = export(model, tmp_path / f"{what}.zip", what=what, derivatives=0)
        manifest, *_ = loaded(path)
        free = [n for n, p in model.parameters.items() if p.free]
        assert [p["name"] for p in manifest["parameters"]] == free + pulls


def test_values_are_held(model, tmp_path):
    path = export(
        model, tmp_path / "f.zip", names="sin2_theta_w", values={"eps_uV_ee": 0.1}, derivatives=0
    )
    manifest, arrays, nll, _ = loaded(path)
    assert manifest["fixed"]["eps_uV_ee"] == 0.1
    assert float(nll(np.array([0.2]), arrays)) == float(
        model.nll({"sin2_theta_w": 0.2, "eps_uV_ee": 0.1})
    )


def test_float32_is_declared_and_kept(tmp_path):
    model = cj.Model(cj.experiments.csi_2017(), dtype="float32")
    path = export(model, tmp_path / "f.zip", names="sin2_theta_w", derivatives=0)
    manifest, arrays, nll, _ = loaded(path)
    assert manifest["precision"] == "float32"
    got = nll(np.array([0.25], dtype=np.float32), arrays)
    assert got.dtype == np.float32
    assert got == model.nll({"sin2_theta_w": 0.25})


# --- bad input ---
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"names": ["sin2"]}, UnknownNameError, "did you mean sin2", id="name"),
        pytest.param({"names": []}, InputError, "no argument", id="no-name"),
        pytest.param({"names": ["eps_uV_ee"] * 2}, InputError, "twice", id="twice"),
        pytest.param({"what": "chi2"}, UnknownNameError, "unknown function 'chi2'", id="what"),
        pytest.param(
            {"what": "profiled_nll", "names": "alpha_sig_csi2017"},
            InputError,
            "alpha_sig_csi2017 does not enter profiled_nll",
            id="solved",
        ),
        pytest.param(
            {"names": "eps_uV_ee", "values": {"eps_uV_ee": 0.0}}, InputError, "both", id="both"
        ),
        pytest.param({"values": {"R_n_Xe": 5.0}}, UnknownNameError, "R_n_Xe", id="held"),
        pytest.param({"platforms": "gpu"}, UnknownNameError, "platform 'gpu'", id="platform"),
        pytest.param({"platforms": ()}, InputError, "platforms is empty", id="no-platform"),
        pytest.param({"derivatives": 3}, InputError, "0, 1 or 2, got 3", id="derivatives"),
    ],
)
def test_bad_options_leave_no_file(model, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export(model, tmp_path / "f.zip", **options)
    assert not list(tmp_path.iterdir())


def test_existing_file_is_kept(model, tmp_path):
    path = tmp_path / "f.zip"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists; choose another name"):
        export(model, path)
    assert path.read_text() == "mine"
    export(model, path, names="sin2_theta_w", derivatives=0, overwrite=True)
    assert zipfile.is_zipfile(path)
    with pytest.raises(InputError, match="unknown ending"):
        export(model, tmp_path / "f.bin")


def test_without_flatbuffers_the_remedy_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(InputError, match=r"pip install 'cevnsjax\[export\]'"):
        export(model, tmp_path / "f.zip")


def test_equal_models_write_equal_files(model, tmp_path):
    first, second = (
        export(model, tmp_path / f"{k}.zip", names="sin2_theta_w", derivatives=0) for k in "ab"
    )
    assert first.read_bytes() == second.read_bytes()
