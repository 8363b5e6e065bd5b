"""The sections and keys that an experiment file can have."""

from dataclasses import replace

from cevnsjax.experiments.folders.detector_sections import (
    BINNING,
    EFFICIENCY,
    ELECTRONS,
    QUENCHING,
    RESOLUTION,
    TIME,
)
from cevnsjax.experiments.folders.schema import Key, Section, csv_file, positive, text
from cevnsjax.experiments.systematics import PULL_KINDS
from cevnsjax.flux.reactor_spectra import BELOW, PREDICTIONS
from cevnsjax.flux.spectrum import INTERPOLATIONS
from cevnsjax.interactions.charges import SOURCE_FLAVOUR

_BASELINE = positive("baseline_m", "distance from source to detector", "m", example=20.0)
_DAYS = positive("exposure_days", "live time", "day", example=365.0)
_FLAVOUR = text("flavour", "neutrinos are counted under this name", choices=tuple(SOURCE_FLAVOUR))
TOP = Section(
    "",
    "The experiment.",
    (
        Key("name", "short name; nuisances end in it without -", form="name", example="my"),
        text("statistic", "likelihood", choices=("poisson", "gaussian")),
        text("title", "one line for tables and plots", default=None, example="My Ge"),
        text("publication", "where the numbers are from", default=None, example="doi:"),
    ),
)
TARGET = Section(
    "target",
    "What scatters: a material, or atoms of a formula unit.",
    (
        positive("mass_kg", "active mass", "kg", example=10.0),
        text("material", "a formula, e.g. CsI, Ge or CaWO4", default=None, example="Ge"),
        Key(
            "atoms",
            "instead of a material: atoms of a formula unit by element or isotope",
            form="shares",
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
            positive("neutrinos_per_proton", "of each flavour", example=0.0848),
            positive("protons_on_target", "protons on target", example=1e23),
            _BASELINE,
        ),
        "reactor": (
            positive("thermal_power_gw", "thermal power", "GW", example=3.0),
            _BASELINE,
            _DAYS,
            Key(
                "fission_fractions",
                "share of U235, U238, Pu239, Pu241 in the fissions, adding up to 1",
                form="shares",
                example={"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
            ),
            Key(
                "E_nu_max_mev",
                "energy above which the flux is taken as 0",
                "MeV",
                default=10.0,
                rule="above 2 and up to 10",
            ),
            Key(
                "spectrum",
                "antineutrinos per fission above 2 MeV",
                form="text",
                default="huber_mueller",
                choices=PREDICTIONS,
            ),
            Key(
                "below_2_mev",
                "and below 2 MeV; left out, bestiole beside bestiole, else vogel_engel",
                form="text",
                default=None,
                choices=BELOW,
            ),
            Key(
                "captures_per_fission",
                "neutrons captured by U238, about 0.6 in power reactors",
                default=0.0,
                rule=">= 0",
            ),
        ),
        "solar_8b": (
            _DAYS,
            positive("total_per_cm2_s", "flux of all flavours", "1/cm^2/s", default=5.46e6),
            replace(_FLAVOUR, default="nu_e"),
        ),
        "table": (
            csv_file(
                "spectrum, in any normalisation",
                example="spectrum.csv",
                columns=("energy_mev", "density_per_mev"),
            ),
            _FLAVOUR,
            positive(
                "fluence_per_cm2", "time-integrated flux at the detector", "1/cm^2", example=1e15
            ),
            _BASELINE,
            text("interpolation", "between the points", default="linear", choices=INTERPOLATIONS),
        ),
    },
)
DATA = Section(
    "data",
    "Observed counts; planned if they are yet to come.",
    kinds={
        "counts": (
            csv_file(
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
        csv_file("one row for each cell, as in the data", example="backgrounds.csv"),
        Key(
            "columns",
            "the columns that are components; all if left out",
            form="names",
            default=None,
            rule="free of repetitions",
            example=["flat"],
        ),
    ),
    required=False,
)
NUISANCES = Section(
    "nuisances",
    "What multiplies components, constrained by a Gaussian.",
    (
        Key(
            "name",
            "becomes alpha_NAME_EXPERIMENT; stays as it is if it starts with alpha_",
            form="word",
            example="sig",
        ),
        positive("sd", "standard deviation, inf if unconstrained", form="width", example=0.1),
        text(
            "kind",
            "normal: 1 + value, value with this sd; lognormal: exp(value ln(1 + sd)), value with "
            "sd 1",
            default="normal",
            choices=PULL_KINDS,
        ),
        Key(
            "components",
            "what it multiplies: signal, or backgrounds by name",
            form="names",
            rule="free of repetitions",
            example=["signal"],
        ),
        text("meaning", "one line for tables", default=None, example="relative shift"),
    ),
    required=False,
    repeated=True,
)

_SOURCE = (TOP, TARGET, NEUTRINOS)
_DETECTOR = (QUENCHING, BINNING, EFFICIENCY, RESOLUTION, ELECTRONS, TIME)
SECTIONS = {s.name: s for s in (*_SOURCE, *_DETECTOR, DATA, BACKGROUNDS, NUISANCES)}
"""Sections by name, in the order of the file."""
