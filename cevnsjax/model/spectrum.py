"""Spectra of a model as xarray: counts, recoil rate and cross section."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import ArrayLike, Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.model.model import Model
from cevnsjax.rate import differential_cross_section, dR_dT_nr

UNITS = {"counts": "1", "dR_dT_nr": "1/kg/MeV", "dsigma_dT_nr": "cm^2/MeV"}
Energies = ArrayLike | Sequence[float] | None
Table = tuple[list[Any], dict[str, Any], dict[str, Any]]
"""Numbers by source, coordinates of all axes, and attributes."""


def spectrum(
    model: Model,
    values: Values | None = None,
    *,
    quantity: str = "counts",
    experiment: str | None = None,
    T_nr: Energies = None,
    E_nu: float = 30.0,
) -> xr.DataArray:
    """A spectrum of one experiment of a model, by neutrino source.

    Args:
        model: The model.
        values: Parameters by name; names left out take their defaults.
        quantity: "counts" in the experiment's bins; "dR_dT_nr" of its target over its exposure
            [1/kg/MeV]; "dsigma_dT_nr" by isotope at one neutrino energy [cm^2/MeV].
        experiment: Name of the experiment; the model's first if None.
        T_nr: Recoil energies for the two rates, at least 1e-6; 200 up to the end point if None
            [MeV].
        E_nu: Neutrino energy of the cross section [MeV].

    Returns:
        Array over (source, bin), (source, T_nr) or (source, nucleus, T_nr).

    Raises:
        UnknownNameError: At an unknown quantity, experiment or parameter.
        InputError: At recoil energies below 1 eV.

    Examples:
        >>> counts = cj.spectrum(model)
        >>> counts.dims, round(float(counts.sum()), 1)
        (('source', 'n_pe'), 147.5)
        >>> rate = cj.spectrum(model, quantity="dR_dT_nr", T_nr=[0.005, 0.01])
        >>> rate.attrs["units"]
        '1/kg/MeV'
    """
    if quantity not in UNITS:
        raise UnknownNameError("quantity", quantity, UNITS)
    name = experiment or next(iter(model.experiments))
    if name not in model.experiments:
        raise UnknownNameError("experiment", name, model.experiments)
    values = dict(values or {})
    for parameter, value in values.items():
        model.parameters[parameter].check(value)
    if quantity == "counts":
        numbers, coordinates, attributes = _counts(model, values, name)
    elif quantity == "dR_dT_nr":
        numbers, coordinates, attributes = _rate(model, values, name, T_nr)
    else:
        numbers, coordinates, attributes = _cross_section(model, values, name, T_nr, E_nu)
    return xr.DataArray(
        np.array([np.asarray(x) for x in numbers]),
        dims=tuple(coordinates),
        coords=coordinates,
        name=quantity,
        attrs={"units": UNITS[quantity], **attributes, "experiment": name},
    )


def _counts(model: Model, values: Values, name: str) -> Table:
    signal = model.by_component(values)[name]["signal"]
    experiment = model.experiments[name]
    edges = {experiment.observable: experiment.edges, **experiment.extra}
    centres = {n: (np.array(e[1:]) + np.array(e[:-1])) / 2 for n, e in edges.items()}
    numbers = [np.asarray(c).reshape(experiment.grid) for c in signal.values()]
    attributes = {f"edges_{n}": e for n, e in edges.items()}
    return numbers, {"source": list(signal), **centres}, attributes


def _recoil(experiment: Experiment, T_nr: Energies, E_nu: float) -> Float[np.ndarray, " T_nr"]:
    if T_nr is None:
        top = max(2 * E_nu**2 / n.mass for n in experiment.target.nuclei)
        return np.linspace(top / 200, top, 200)
    recoil = np.atleast_1d(np.asarray(T_nr, dtype=float))
    if not np.all(recoil >= 1e-6):
        raise InputError(f"T_nr must be at least 1e-6 MeV (1 eV), got {recoil.min():g}")
    return recoil


def _rate(model: Model, values: Values, name: str, T_nr: Energies) -> Table:
    e = model.experiments[name]
    recoil = _recoil(e, T_nr, max(e.flux.kink_energies))
    rate = dR_dT_nr(recoil, e.target, e.flux, model.interactions, values)
    return list(rate.values()), {"source": list(rate), "T_nr": recoil}, {}


def _cross_section(model: Model, values: Values, name: str, T_nr: Energies, E_nu: float) -> Table:
    e, theory = model.experiments[name], model.interactions
    recoil, sources, nuclei = _recoil(e, T_nr, E_nu), list(e.flux.sources), e.target.nuclei
    numbers = [
        [np.asarray(differential_cross_section(recoil, E_nu, n, s, theory, values)) for n in nuclei]
        for s in sources
    ]
    coordinates = {"source": sources, "nucleus": [n.name for n in nuclei], "T_nr": recoil}
    return numbers, coordinates, {"E_nu": E_nu}
