"""The sections and keys of an experiment file that describe the detector."""

from cevnsjax.detector.quenching import CSI_QUENCHING
from cevnsjax.experiments.folders.schema import Key, Section

INCREASING = "two or more numbers that increase"
QUENCHING = Section(
    "quenching",
    "Electron-equivalent energy of a nuclear recoil.",
    (
        Key(
            "nuisances",
            "names",
            "curve parameters to fit: qf_scale, and qf_1, qf_2 ... for the variations",
            default=(),
            rule="free of repetitions",
            example=["qf_scale"],
        ),
        Key(
            "scale_sd",
            "number",
            "standard deviation of qf_scale",
            default=None,
            rule="> 0",
            example=0.05,
        ),
    ),
    kinds={
        "constant": (Key("factor", "number", "quenching factor", rule="in (0, 1]", example=0.1),),
        "polynomial": (
            Key(
                "coefficients_mev",
                "numbers",
                "c_1, c_2, ... of E_ee = c_1 T + c_2 T^2 + ..., energies in MeV",
                "MeV^(1-k)",
                example=[0.246, 0.78],
            ),
            Key(
                "variations_mev",
                "rows",
                "shifts of the coefficients by one standard deviation, a row for qf_1, qf_2 ...",
                "MeV^(1-k)",
                default=(),
                example=[[0.006, 0.0]],
            ),
        ),
        "table": (
            Key(
                "file",
                "file",
                "four points or more, joined by a cubic spline, constant outside",
                example="quenching.csv",
                columns=("recoil_energy_kev", "quenching_factor"),
            ),
        ),
        "csi": (Key("model", "text", "a CsI[Na] model", choices=tuple(CSI_QUENCHING)),),
    },
)
BINNING = Section(
    "binning",
    "What is measured, and its bins.",
    (
        Key("observable", "word", "what is measured", example="E_ee_keV"),
        Key(
            "observable_per_kevee",
            "number",
            "light yield: observable per keV of electron-equivalent energy",
            "1/keVee",
            rule="> 0",
            example=1.0,
        ),
        Key("edges", "numbers", "bin edges", "observable", rule=INCREASING, example=[0, 1]),
        Key("nodes", "whole", "quadrature nodes per panel", default=None, rule="> 0", example=20),
    ),
)
EFFICIENCY = Section(
    "efficiency",
    "Probability to accept an event, at the reconstructed observable.",
    kinds={
        "constant": (Key("value", "number", "efficiency", rule="in (0, 1]", example=1.0),),
        "logistic": (
            Key("a", "number", "height of a/(1 + exp(-k (x - x_0))) + d", rule="> 0", example=0.9),
            Key("k", "number", "steepness", "1/observable", rule="> 0", example=40.0),
            Key("x_0", "number", "midpoint", "observable", example=0.2),
            Key("d", "number", "offset; the sum is clipped at 0", default=0.0),
            Key(
                "steps",
                "rows",
                "rows [x, factor]: the factor from x on; 0 below the first x",
                default=(),
                rule="rows of [observable, factor in [0, 1]], increasing",
                example=[[5.0, 1.0]],
            ),
        ),
        "table": (
            Key(
                "file",
                "file",
                "linear between the points, 0 below the first, constant above the last",
                example="efficiency.csv",
                columns=("observable", "efficiency"),
            ),
            Key(
                "threshold", "number", "0 below this value", "observable", default=None, example=1.0
            ),
        ),
    },
)
RESOLUTION = Section(
    "resolution",
    "Spread of the observable about its mean; without the section there is none.",
    kinds={
        "none": (),
        "poisson": (),
        "gamma": (
            Key("shape_offset", "number", "shape at zero energy", default=1.0, rule="> 0"),
            Key(
                "shape_per_kevee",
                "number",
                "growth of the shape",
                "1/keVee",
                rule=">= 0",
                example=9.56,
            ),
        ),
        "gaussian": (
            Key(
                "c",
                "number",
                "standard deviation is c sqrt(observable)",
                "observable^(1/2)",
                rule="> 0",
                example=0.1,
            ),
        ),
    },
    required=False,
)
TIME = Section(
    "time",
    "A second axis, arrival time; without the section there is none.",
    (Key("edges_us", "numbers", "bin edges", "us", rule=INCREASING, example=[0, 1, 6]),),
    kinds={
        "pulse": (
            Key("mean_us", "number", "centre of a Gaussian proton pulse", "us", example=0.5),
            Key("sigma_us", "number", "its standard deviation", "us", rule="> 0", example=0.15),
            Key(
                "efficiency_flat_us",
                "number",
                "efficiency in time is 1 up to here",
                "us",
                default=None,
                example=0.52,
            ),
            Key(
                "efficiency_slope_per_us",
                "number",
                "and falls as exp(-slope t) after that",
                "1/us",
                default=0.0,
                rule=">= 0",
            ),
        ),
        "fractions": (
            Key(
                "file",
                "file",
                "share of each source in each time bin: a column by source, a row by bin",
                example="fractions.csv",
            ),
        ),
    },
    required=False,
)
