"""The documentation: every page is in a toctree; links, names and numbers agree with the code."""

import contextlib
import importlib
import re

import pytest
from support.pages import DOCS, PAGES, ROOT, half_digit

import cevnsjax as cj
from cevnsjax.analyses import ANALYSES
from cevnsjax.core import constants
from cevnsjax.core.kinematics import KINEMATICS
from cevnsjax.couplings import SCHEMES
from cevnsjax.detector.quenching import CSI_QUENCHING
from cevnsjax.experiments import EXPERIMENTS
from cevnsjax.form_factors import FORM_FACTORS
from cevnsjax.interactions.charges import STRUCTURES
from cevnsjax.interactions.generalized import EFFECTIVE, QUARK
from cevnsjax.interactions.owners import OWNERS
from cevnsjax.interactions.standard_model import RADII
from cevnsjax.interactions.vector_mediator import MODELS

PHYSICS = {name: text for name, text in PAGES.items() if name.startswith("physics/")}


# --- pages and links ---
def linked(page):
    """(place, anchor) of the relative links of a page, outside code."""
    text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$]*\$", "", PAGES[page], flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", text)
    return [(place, anchor) for place, anchor in links if "://" not in place]


def listed(page):
    """Pages and notebooks in the toctrees of a page, as paths without suffix."""
    names = []
    for tree in re.findall(r"```\{toctree\}\n(.*?)```", PAGES[page], re.DOTALL):
        entries = [line.strip() for line in tree.splitlines() if line.strip()]
        names += [e for e in entries if not e.startswith(":")]
    here = (DOCS / page).parent
    pages = set()
    for name in names:
        matches = sorted(here.glob(f"{name}.md")) if "*" in name else [here / f"{name}.md"]
        pages |= {m.relative_to(DOCS).as_posix() for m in matches}
    return pages


def slug(heading):
    """Anchor of a heading as Sphinx and GitHub make it."""
    text = re.sub(r"`|\$", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def headings(text, folder):
    """Anchors of a page, those of the files that it includes too."""
    for name in re.findall(r"```\{include\} (\S+)", text):
        text += (folder / name).read_text(encoding="utf-8")
    bare = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {slug(h) for h in re.findall(r"^#+ (.*)$", bare, re.MULTILINE)}


def test_every_page_is_in_a_toctree():
    reached, front = set(), {"index.md"}
    while front:
        reached |= front
        front = {p for page in front & set(PAGES) for p in listed(page)} - reached
    notebooks = {f"notebooks/{p.stem}.md" for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert reached == set(PAGES) | notebooks


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    for place, anchor in linked(page):
        target = (DOCS / page).parent / place if place else DOCS / page
        assert target.resolve().is_relative_to(ROOT), (page, place)
        assert target.exists(), (page, place)
        if anchor:
            text = target.read_text(encoding="utf-8")
            assert anchor in headings(text, target.resolve().parent), (page, place, anchor)


@pytest.mark.parametrize("page", PAGES)
def test_included_files_are_there(page):
    for name in re.findall(r"```\{include\} (\S+)", PAGES[page]):
        assert ((DOCS / page).parent / name).is_file(), name


# --- names ---
def resolved(name):
    """The object with a dotted name, imported as far as there are modules."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            value = importlib.import_module(".".join(parts[:cut]))
            for attribute in parts[cut:]:
                value = getattr(value, attribute)
            return value
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("page", PAGES)
def test_named_objects_exist(page):
    for name in re.findall(r"`(cevnsjax(?:\.\w+)+)[`(]", PAGES[page]):
        assert resolved(name) is not None
    for name in re.findall(r"\bcj\.((?:\w+\.)*\w+)", PAGES[page]):
        assert resolved(f"cevnsjax.{name}") is not None


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("api/")])
def test_documented_objects_exist(page):
    for name in re.findall(r"^\.\. auto\w+:: (\S+)", PAGES[page], re.MULTILINE):
        assert resolved(name).__doc__, name


def test_api_reference_has_every_public_name():
    text = "".join(PAGES[page] for page in PAGES if page.startswith("api/"))
    # What is not a function or class has its text where it is defined.
    entry = r"^\.\. auto(?:function|class|data):: cevnsjax\.(?:electrons\.)?(\w+)$"
    documented = set(re.findall(entry, text, re.M))
    rooms = {"analyses", "errors", "experiments", "plots", "reproduce"}
    assert documented == set(cj.__all__) - rooms - {"__version__"}
    for room in rooms:
        assert f"`cevnsjax.{room}`" in text
    index = re.findall(r"`(\w+)`", PAGES["api/index.md"])
    assert set(cj.__all__) <= set(index)


REGISTRIES = {
    "couplings": SCHEMES,
    "form factors": FORM_FACTORS,
    "interactions": OWNERS,
    "gauge models": MODELS,
    "kinematics": KINEMATICS,
    "structures": STRUCTURES,
    "radii": RADII,
    "generalized couplings": (*EFFECTIVE, *QUARK),
    "quenching": CSI_QUENCHING,
    "analyses": ANALYSES,
    "experiments": [name.replace("-", "_") for name in EXPERIMENTS],
}


@pytest.mark.parametrize("registry", REGISTRIES)
def test_physics_reference_has_every_name(registry):
    text = "".join(PHYSICS.values())
    missing = [name for name in REGISTRIES[registry] if f"`{name}`" not in text]
    assert not missing


def test_interactions_page_has_every_class():
    for owner in OWNERS.values():
        assert f"`{owner.__name__}`" in PAGES["interactions.md"]


# --- tables of numbers ---
def rows(page, first):
    """Cells of the rows of a table whose head begins with a cell."""
    table = PAGES[page].partition(f"| {first} |")[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines()[2:] if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_constants_are_the_codes():
    table = {name: value for name, value, _ in rows("physics/index.md", "name")}
    of_code = {n: v for n, v in vars(constants).items() if isinstance(v, float)}
    assert {name: float(value) for name, value in table.items()} == of_code


def test_couplings_are_the_codes():
    table = rows("physics/couplings.md", "`couplings`")
    assert [row[0] for row in table] == list(SCHEMES)
    for name, *printed in table:
        scheme = SCHEMES[name]
        g_Vp, g_Vn = scheme.couplings(scheme.sin2_theta_w)
        for text, value in zip(
            printed, (scheme.sin2_theta_w, g_Vp[0], g_Vp[1], g_Vn, scheme.slope), strict=True
        ):
            assert float(value) == pytest.approx(float(text), abs=half_digit(text), rel=0)


def test_gauge_charges_are_the_codes():
    exact = {"1/3": 1 / 3, "-1/3": -1 / 3, "loop": 0.0}
    table = rows("physics/beyond.md", "`charges`")
    assert [row[0] for row in table] == list(MODELS)
    for name, *charges in table:
        printed = tuple(exact[c] if c in exact else float(c) for c in charges)
        assert printed == tuple(MODELS[name])[:5]
        assert ("loop" in charges) == (MODELS[name].loop is not None)
