"""The sections and keys of an experiment file that describe the detector."""

from cevnsjax.detector.detector import DEFAULT_ACCURACY
from cevnsjax.detector.quenching import CSI_QUENCHING, OUTSIDE
from cevnsjax.experiments.folders.schema import Key, Section, csv_file, positive, text

INCREASING = "two or more numbers that increase"
QUENCHING = Section(
    "quenching",
    "Electron-equivalent energy of a nuclear recoil.",
    (
        Key(
            "nuisances",
            "curve parameters to fit: qf_scale, and qf_1, qf_2 ... for the variations",
            form="names",
            default=(),
            rule="free of repetitions",
            example=["qf_scale"],
        ),
        positive("scale_sd", "standard deviation of qf_scale", default=None, example=0.05),
    ),
    kinds={
        "constant": (Key("factor", "quenching factor", rule="in (0, 1]", example=0.1),),
        "polynomial": (
            Key(
                "coefficients_mev",
                "c_1, c_2, ... of E_ee = c_1 T + c_2 T^2 + ..., energies in MeV",
                "MeV^(1-k)",
                "numbers",
                example=[0.246, 0.78],
            ),
            Key(
                "variations_mev",
                "shifts of the coefficients by one standard deviation, a row for qf_1, qf_2 ...",
                "MeV^(1-k)",
                "rows",
                default=(),
                example=[[0.006, 0.0]],
            ),
        ),
        "table": (
            csv_file(
                "four points or more, joined by a cubic spline",
                example="quenching.csv",
                columns=("recoil_energy_kev", "quenching_factor"),
            ),
            text(
                "outside",
                "recoils outside the table that count: refuse them, or take the first and last "
                "factor",
                default=OUTSIDE[0],
                choices=OUTSIDE,
            ),
        ),
        "csi": (text("model", "a CsI[Na] model", choices=tuple(CSI_QUENCHING)),),
    },
)
BINNING = Section(
    "binning",
    "What is measured, and its bins.",
    (
        Key("observable", "what is measured", form="word", example="E_ee_keV"),
        positive(
            "observable_per_kevee",
            "light yield: observable per keV of electron-equivalent energy",
            "1/keVee",
            example=1.0,
        ),
        Key("edges", "bin edges", "observable", "numbers", rule=INCREASING, example=[0, 1]),
        Key(
            "nodes",
            "quadrature nodes per panel to start from",
            form="whole",
            default=None,
            rule="from 1 to 1000",
            example=20,
        ),
        Key(
            "accuracy",
            "largest error of a cell, a bin filled by one source, in parts of the largest cell",
            default=DEFAULT_ACCURACY,
            rule="from 1e-12 to 0.1",
        ),
    ),
)
EFFICIENCY = Section(
    "efficiency",
    "Probability to accept an event, at the reconstructed observable.",
    kinds={
        "constant": (Key("value", "efficiency", rule="in (0, 1]", example=1.0),),
        "logistic": (
            positive("a", "height of a/(1 + exp(-k (x - x_0))) + d", example=0.9),
            positive("k", "steepness", "1/observable", example=40.0),
            Key("x_0", "midpoint", "observable", example=0.2),
            Key("d", "offset; the sum is clipped at 0", default=0.0),
            Key(
                "steps",
                "rows [x, factor]: the factor from x on; 0 below the first x",
                form="rows",
                default=(),
                rule="rows of [observable, factor in [0, 1]], increasing",
                example=[[5.0, 1.0]],
            ),
        ),
        "table": (
            csv_file(
                "linear between the points, 0 below the first, constant above the last",
                example="efficiency.csv",
                columns=("observable", "efficiency"),
            ),
            Key("threshold", "0 below this value", "observable", default=None, example=1.0),
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
            positive("shape_offset", "shape at zero energy", default=1.0),
            Key("shape_per_kevee", "growth of the shape", "1/keVee", rule=">= 0", example=9.56),
        ),
        "gaussian": (
            positive(
                "c", "standard deviation is c sqrt(observable)", "observable^(1/2)", example=0.1
            ),
        ),
    },
    required=False,
)
ELECTRONS = Section(
    "electrons",
    "Electrons that neutrinos strike, seen without quenching in the same bins and counted in the "
    "signal; without the section they are not.",
    kinds={
        "same": (),
        "constant": (Key("value", "efficiency of electrons", rule="in (0, 1]", default=1.0),),
    },
    required=False,
)
TIME = Section(
    "time",
    "A second axis, arrival time; without the section there is none.",
    (Key("edges_us", "bin edges", "us", "numbers", rule=INCREASING, example=[0, 1, 6]),),
    kinds={
        "pulse": (
            Key("mean_us", "centre of a Gaussian proton pulse", "us", example=0.5),
            positive("sigma_us", "its standard deviation", "us", example=0.15),
            Key(
                "efficiency_flat_us",
                "efficiency in time is 1 up to here",
                "us",
                default=None,
                example=0.52,
            ),
            Key(
                "efficiency_slope_per_us",
                "and falls as exp(-slope t) after that",
                "1/us",
                default=0.0,
                rule=">= 0",
            ),
        ),
        "fractions": (
            csv_file(
                "share of each source in each time bin: a column by source, a row by bin",
                example="fractions.csv",
            ),
        ),
    },
    required=False,
)
