"""COHERENT CsI[Na] 2017: 14.57 kg at 19.3 m, 142 +- 31 events above the anticoincidence data.

Akimov et al., Science 357, 1123; data release doi:10.5281/zenodo.1228631.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.names import short_name
from cevnsjax.detector.detector import RELEASE_ACCURACY, Detector
from cevnsjax.detector.efficiency import Logistic
from cevnsjax.detector.quenching import Quenching, csi_quenching, quenching_parameters
from cevnsjax.detector.resolution import (
    GammaSmearing,
    GaussianSmearing,
    PoissonSmearing,
    Resolution,
)
from cevnsjax.experiments.experiment import SIGNAL, Experiment
from cevnsjax.experiments.nuisances import chosen_pulls
from cevnsjax.experiments.pull_options import PullOptions
from cevnsjax.experiments.release_files import chosen_tables
from cevnsjax.experiments.releases.csi_2017.cells import (
    VARIANCES,
    accepted_neutrons,
    edges_of,
    times_inside,
    without_time,
)
from cevnsjax.experiments.releases.csi_2017.release import read_csi_2017_release
from cevnsjax.experiments.releases.csi_2017.tables import DATASET, Csi2017Tables, shipped_csi_2017
from cevnsjax.experiments.releases.csi_2017.time import BRN, STEADY, STEADY_STATES, in_time
from cevnsjax.experiments.systematics import Pull
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import target
from cevnsjax.parameters import Parameter
from cevnsjax.tables import read_toml

NAME = "csi-2017"
_SMEARING = {
    "poisson": PoissonSmearing(),
    "gamma": GammaSmearing(),
    "gaussian": GaussianSmearing(1.0),
}
_STATISTICS = ("spectrum", "counting", "time")
_QF_SD = 0.051


def csi_2017(
    quenching: str | float | Quenching = "coherent2020",
    *,
    mass_kg: float | None = None,
    bins: Sequence[float] = (6, 30),
    window_us: Sequence[float] = (0.0, 6.0),
    smearing: str | Resolution | None = None,
    statistic: Literal["spectrum", "counting", "time"] = "spectrum",
    steady_state: str | None = None,
    pulls: PullOptions | None = None,
    shape: str | Sequence[str] = (),
    qf_sd: float | None = None,
    prompt_neutrons: bool = True,
    variance: Literal["C+AC+BRN", "C+AC"] | None = None,
    split_flux: bool = False,
    nodes: int | None = None,
    accuracy: float = RELEASE_ACCURACY,
    data: Csi2017Tables | str | Path | None = None,
) -> Experiment:
    """The COHERENT CsI[Na] 2017 data: a Gaussian chi2 in energy, or Poisson in energy and time.

    Args:
        quenching: "coherent2020", "constant", "pe117", "c20_proxy", a constant factor [1], or
            a model.
        mass_kg: Detector mass; 14.57 if None [kg].
        bins: First and last photoelectron edge of 2-PE bins, or all edges (even numbers) [PE].
        window_us: Arrival-time window of the data, from 0 to 6 us or later, multiples of 0.5;
            without "time" it does not cut the prediction, the papers' convention for (0, 6) [us].
        smearing: None, "poisson", "gamma", "gaussian" (sigma = sqrt(n_PE)), or a model.
        statistic: "spectrum", "counting" for one bin over the whole range, or "time" for Poisson
            cells of photoelectrons and 0.5 us with the steady-state background in the prediction.
        steady_state: With "time", the shape of that background: energies of the anticoincidence
            data times an "exponential" fitted to their times (if None) or times a "flat"
            distribution, or "anticoincidence", these data cell by cell (some cells then expect no
            event, and chi2 without signal has no meaning).
        pulls: Standard deviations of "sig" (0.128), "brn" (0.25) and, with "time", "ss" (1 over the
            root of the anticoincidence events); 0 removes a pull; ``cj.Pull`` has a kind [1].
        shape: Quenching nuisances to switch on: "qf_scale", "qf_1", "qf_2".
        qf_sd: Standard deviation of "qf_scale", which must be in ``shape``; 0.051 if None [1].
        prompt_neutrons: Whether beam neutrons are part of the prediction.
        variance: Without "time", whether expected neutrons add to the variance C + AC; they do if
            None.
        split_flux: Split the signal pull into ``alpha_flux_sns`` (0.10), shared with other
            experiments at the same source, and the rest.
        nodes: Quadrature nodes in each panel to start from; chosen by the detector if None.
        accuracy: Largest error of a cell in parts of the largest cell: panels are refined until
            they reach it; above 0 and below 1 [1].
        data: Tables, or the folder of the official release, instead of the shipped data.

    Raises:
        UnknownNameError: At an unknown name, listing the nearest.
        InputError: At bins or windows that the published binning cannot make.
        DataError: If a data file is missing or malformed.

    Examples:
        >>> experiment = cj.experiments.csi_2017(bins=(6, 20), pulls={"sig": 0.28})
        >>> experiment.observed
        array([ 9., 11., 24., 25., 21., 17.,  5.])
        >>> [p.name for p in experiment.pulls]
        ['alpha_sig_csi2017', 'alpha_brn_csi2017']
    """
    checks.known(
        NAME,
        statistic=(statistic, _STATISTICS),
        variance=(variance, (*VARIANCES, None)),
        steady_state=(steady_state, (*STEADY_STATES, None)),
    )
    _require_used(statistic, steady_state=steady_state, variance=variance)
    checks.flag("csi-2017: prompt_neutrons", prompt_neutrons)
    tables = chosen_tables(NAME, data, Csi2017Tables, shipped_csi_2017, read_csi_2017_release)
    about = read_toml(DATASET, "experiment.toml")
    a, k, x0 = (tables.acceptance[name][0] for name in ("a", "k", "x0"))
    detector = Detector(
        quenching=csi_quenching(quenching),
        per_keV=tables.light_yield_pe_per_kevee[0],
        efficiency=Logistic(a, k, x0, steps=((5.0, 0.5), (6.0, 1.0))),
        resolution=_resolution(smearing),
        edges=edges_of(bins, statistic),
        nodes=None if nodes is None else checks.nodes("csi-2017: nodes", nodes),
        accuracy=checks.number("csi-2017: accuracy", accuracy),
    )
    inside, neutrons = times_inside(tables, window_us), accepted_neutrons(tables, detector)
    if statistic == "time":
        steady = steady_state or "exponential"
        cells = in_time(tables, detector.edges, inside, neutrons, steady_state=steady)
    else:
        cells = without_time(tables, detector.edges, inside, neutrons, variance or VARIANCES[0])
    if not prompt_neutrons:
        del cells["backgrounds"][BRN]
    mass = about["detector"]["mass_kg"] if mass_kg is None else mass_kg
    return Experiment(
        name=NAME,
        target=target("CsI"),
        mass_kg=checks.number("csi-2017: mass_kg", mass),
        flux=DecayAtRest(
            neutrinos_per_proton=tables.neutrinos_per_proton[0],
            protons_on_target=about["beam"]["protons_on_target"],
            baseline_m=tables.baseline_m,
        ),
        detector=detector,
        observable="n_pe",
        pulls=_pulls(pulls, cells["backgrounds"], split_flux),
        shape=_shape(shape, detector.quenching, qf_sd),
        title="COHERENT CsI[Na] 2017",
        source="Akimov et al., Science 357, 1123; doi:10.5281/zenodo.1228631",
        **cells,
    )


def _require_used(statistic: str, *, steady_state: str | None, variance: str | None) -> None:
    """Refuse options that the statistic has no use for."""
    if steady_state is not None and statistic != "time":
        raise InputError('csi-2017: steady_state needs statistic="time"; leave it out')
    if variance is not None and statistic == "time":
        raise InputError('csi-2017: variance has no meaning with statistic="time"; leave it out')


def _resolution(smearing: str | Resolution | None) -> Resolution | None:
    if smearing is None or isinstance(smearing, Resolution):
        return smearing
    checks.known(NAME, smearing=(smearing, _SMEARING))
    return _SMEARING[smearing]


def _pulls(
    widths: PullOptions | None, backgrounds: Mapping[str, np.ndarray], split_flux: bool
) -> tuple[Pull, ...]:
    offered = {
        "sig": (0.128, SIGNAL, "the CEvNS signal"),
        "brn": (0.25, BRN, "the prompt neutrons"),
    }
    if STEADY in backgrounds:
        # The anticoincidence sample that the steady state is taken from is finite.
        sd = 1 / float(np.sqrt(backgrounds[STEADY].sum()))
        offered["ss"] = (sd, STEADY, "the steady-state background")
    timed = STEADY in backgrounds
    pulls = chosen_pulls(NAME, offered, widths, unbounded=timed, split_flux=split_flux)
    return tuple(p for p in pulls if BRN in backgrounds or p.components != (BRN,))


def _shape(
    names: str | Sequence[str], model: Quenching, qf_sd: float | None
) -> dict[str, Parameter]:
    sd = checks.number("csi-2017: qf_sd", _QF_SD if qf_sd is None else qf_sd)
    offered = {
        p.name.removesuffix(f"_{short_name(NAME)}"): p
        for p in quenching_parameters(model, NAME, sd)
    }
    if not isinstance(names, str | Sequence):
        raise InputError(f"csi-2017: shape must be names like 'qf_scale', got {names!r}")
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in offered:
            raise UnknownNameError("quenching shape parameter", name, offered)
    if qf_sd is not None and "qf_scale" not in listed:
        raise InputError("csi-2017: qf_sd belongs to shape='qf_scale'; name it too")
    return {name: offered[name] for name in listed}
