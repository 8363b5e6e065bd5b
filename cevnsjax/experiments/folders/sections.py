"""The sections and keys that an experiment file can have."""

from cevnsjax.experiments.folders.detector_sections import (
    BINNING,
    EFFICIENCY,
    QUENCHING,
    RESOLUTION,
    TIME,
)
from cevnsjax.experiments.folders.schema import Key, Section
from cevnsjax.flux.spectrum import INTERPOLATIONS
from cevnsjax.interactions.charges import SOURCE_FLAVOUR
from cevnsjax.nuclei import target_names

_BASELINE = Key(
    "baseline_m", "number", "distance from source to detector", "m", rule="> 0", example=20.0
)
_DAYS = Key("exposure_days", "number", "live time", "day", rule="> 0", example=365.0)
_FLAVOUR = "neutrinos are counted under this name"
TOP = Section(
    "",
    "The experiment.",
    (
        Key("name", "name", "short name; nuisances end in it without - and _", example="my"),
        Key("statistic", "text", "likelihood", choices=("poisson", "gaussian")),
        Key("title", "text", "one line for tables and plots", default=None, example="My Ge"),
        Key("publication", "text", "where the numbers are from", default=None, example="doi:"),
    ),
)
TARGET = Section(
    "target",
    "What scatters: a material, or atoms of a formula unit.",
    (
        Key("mass_kg", "number", "active mass", "kg", rule="> 0", example=10.0),
        Key(
            "material",
            "text",
            "a known material",
            default=None,
            choices=target_names(),
            example="Ge",
        ),
        Key(
            "atoms",
            "shares",
            "instead of a material: atoms of a formula unit by element or isotope",
            default=None,
            rule="> 0 for every name",
            example={"Na": 1, "I": 1},
        ),
    ),
)
NEUTRINOS = Section(
    "neutrinos",
    "Where the neutrinos come from.",
    kinds={
        "decay_at_rest": (
            Key("neutrinos_per_proton", "number", "of each flavour", rule="> 0", example=0.0848),
            Key("protons_on_target", "number", "protons on target", rule="> 0", example=1e23),
            _BASELINE,
        ),
        "reactor": (
            Key("thermal_power_gw", "number", "thermal power", "GW", rule="> 0", example=3.0),
            _BASELINE,
            _DAYS,
            Key(
                "fission_fractions",
                "shares",
                "share of U235, U238, Pu239, Pu241 in the fissions, adding up to 1",
                example={"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
            ),
            Key(
                "E_nu_max_mev",
                "number",
                "energy above which the flux is taken as 0",
                "MeV",
                default=10.0,
                rule="above 2 and up to 10",
            ),
        ),
        "solar_8b": (
            _DAYS,
            Key(
                "total_per_cm2_s",
                "number",
                "flux of all flavours",
                "1/cm^2/s",
                default=5.46e6,
                rule="> 0",
            ),
            Key("flavour", "text", _FLAVOUR, default="nu_e", choices=tuple(SOURCE_FLAVOUR)),
        ),
        "table": (
            Key(
                "file",
                "file",
                "spectrum, in any normalisation",
                example="spectrum.csv",
                columns=("energy_mev", "density_per_mev"),
            ),
            Key("flavour", "text", _FLAVOUR, choices=tuple(SOURCE_FLAVOUR)),
            Key(
                "fluence_per_cm2",
                "number",
                "time-integrated flux at the detector",
                "1/cm^2",
                rule="> 0",
                example=1e15,
            ),
            _BASELINE,
            Key(
                "interpolation",
                "text",
                "between the points",
                default="linear",
                choices=INTERPOLATIONS,
            ),
        ),
    },
)
DATA = Section(
    "data",
    "Observed counts; planned if they are yet to come.",
    kinds={
        "counts": (
            Key(
                "file",
                "file",
                "one row for each cell, time running fastest; with the Gaussian statistic "
                "also a column variance",
                example="data.csv",
                columns=("observed",),
            ),
        ),
        "planned": (),
    },
)
BACKGROUNDS = Section(
    "backgrounds",
    "Expected backgrounds; without the section there are none.",
    (
        Key("file", "file", "one row for each cell, as in the data", example="backgrounds.csv"),
        Key(
            "columns",
            "names",
            "the columns that are components; all if left out",
            default=None,
            rule="free of repetitions",
            example=["flat"],
        ),
    ),
    required=False,
)
NUISANCES = Section(
    "nuisances",
    "Relative shifts of components, constrained by a Gaussian.",
    (
        Key(
            "name",
            "word",
            "becomes alpha_NAME_EXPERIMENT; stays as it is if it starts with alpha_",
            example="sig",
        ),
        Key("sd", "width", "standard deviation, inf if unconstrained", rule="> 0", example=0.1),
        Key(
            "components",
            "names",
            "what it multiplies: signal, or backgrounds by name",
            rule="free of repetitions",
            example=["signal"],
        ),
        Key("meaning", "text", "one line for tables", default=None, example="relative shift"),
    ),
    required=False,
    repeated=True,
)

_SOURCE = (TOP, TARGET, NEUTRINOS)
_DETECTOR = (QUENCHING, BINNING, EFFICIENCY, RESOLUTION, TIME)
SECTIONS = {s.name: s for s in (*_SOURCE, *_DETECTOR, DATA, BACKGROUNDS, NUISANCES)}
"""Sections by name, in the order of the file."""
