"""A data release is one folder and one line of the public names: everything else follows."""

import sys

import pytest

import cevnsjax.experiments as experiments
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.experiments import EXPERIMENTS, SHAPE_PARAMETERS, registry, releases

MADE_UP = '''"""A made-up detector: CsI of twice the mass."""

from cevnsjax.experiments.releases import Release
from cevnsjax.experiments.releases.csi_2017.builder import csi_2017


def made_up_2030(*, mass_kg=29.14, shape=()):
    """CsI of twice the mass."""
    return csi_2017(mass_kg=mass_kg, shape=shape)


RELEASE = Release("made-up-2030", made_up_2030, {"qf_scale": "qf_scale_csi2017"})
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """The registry with a folder ``made_up_2030`` beside those of the package."""
    (tmp_path / "made_up_2030").mkdir()
    (tmp_path / "made_up_2030" / "__init__.py").write_text(MADE_UP)
    monkeypatch.setattr(releases, "__path__", [*releases.__path__, str(tmp_path)])
    yield registry.stated_releases()
    del sys.modules["cevnsjax.experiments.releases.made_up_2030"]


def test_a_folder_is_all_that_a_release_needs(made_up):
    assert set(made_up) == {*EXPERIMENTS, "made-up-2030"}
    release = made_up["made-up-2030"]
    assert release.build().mass_kg == 2 * 14.57
    assert release.shape_parameters == {"qf_scale": "qf_scale_csi2017"}


def test_the_command_line_follows_the_registry(made_up, monkeypatch):
    from cevnsjax.cli.experiment_words import builder_of

    with pytest.raises(UnknownNameError, match="csi-2017"):
        builder_of("csi-2071")
    monkeypatch.setitem(EXPERIMENTS, "made-up-2030", made_up["made-up-2030"].build)
    assert builder_of("made-up-2030") is made_up["made-up-2030"].build


def test_every_release_is_a_public_name():
    for name, release in registry.stated_releases().items():
        assert getattr(experiments, release.build.__name__) is release.build is EXPERIMENTS[name]
        assert release.build.__name__ in experiments.__all__
        assert SHAPE_PARAMETERS[name] == release.shape_parameters


def test_public_names_are_those_offered_to_users():
    releases_offered = {release.build.__name__ for release in registry.stated_releases().values()}
    assert set(experiments.__all__) - releases_offered == {
        "Csi2017Tables",
        "EXPERIMENTS",
        "Experiment",
        "Morph",
        "PlannedExperiment",
        "Pull",
        "SHAPE_PARAMETERS",
        "load",
        "read_csi_2017_release",
        "write_template",
    }
    with pytest.raises(AttributeError):
        experiments.InputError  # noqa: B018
