"""Spectra of a model as xarray: counts, recoil rate and cross section."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import ArrayLike, Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.model.model import Model
from cevnsjax.rate import differential_cross_section, dR_dT_nr

QUANTITIES = ("counts", "dR_dT_nr", "dsigma_dT_nr")


def spectrum(
    model: Model,
    values: Values | None = None,
    *,
    quantity: str = "counts",
    experiment: str | None = None,
    T_nr: ArrayLike | Sequence[float] | None = None,
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
    if quantity not in QUANTITIES:
        raise UnknownNameError("quantity", quantity, QUANTITIES)
    name = experiment or next(iter(model.experiments))
    if name not in model.experiments:
        raise UnknownNameError("experiment", name, model.experiments)
    values = dict(values or {})
    for parameter, value in values.items():
        model.parameters[parameter].check(value)
    if quantity == "counts":
        return _counts(model, values, name)
    recoil = _recoil(model, name, T_nr, E_nu if quantity == "dsigma_dT_nr" else None)
    if quantity == "dR_dT_nr":
        return _rate(model, values, name, recoil)
    return _cross_section(model, values, name, recoil, E_nu)


def _counts(model: Model, values: Values, name: str) -> xr.DataArray:
    signal = model.by_component(values)[name]["signal"]
    experiment = model.experiments[name]
    edges = {experiment.observable: experiment.edges, **experiment.extra}
    centres = {n: (np.array(e[1:]) + np.array(e[:-1])) / 2 for n, e in edges.items()}
    return xr.DataArray(
        np.array([np.asarray(c).reshape(experiment.grid) for c in signal.values()]),
        dims=("source", *edges),
        coords={"source": list(signal), **centres},
        name="counts",
        attrs={"units": "1", **{f"edges_{n}": e for n, e in edges.items()}, "experiment": name},
    )


def _recoil(
    model: Model, name: str, T_nr: ArrayLike | Sequence[float] | None, E_nu: float | None
) -> Float[np.ndarray, " T_nr"]:
    if T_nr is None:
        experiment = model.experiments[name]
        energy = max(experiment.flux.kink_energies) if E_nu is None else E_nu
        top = max(2 * energy**2 / n.mass for n in experiment.target.nuclei)
        return np.linspace(top / 200, top, 200)
    recoil = np.atleast_1d(np.asarray(T_nr, dtype=float))
    if not np.all(recoil >= 1e-6):
        raise InputError(f"T_nr must be at least 1e-6 MeV (1 eV), got {recoil.min():g}")
    return recoil


def _rate(
    model: Model, values: Values, name: str, recoil: Float[np.ndarray, " T_nr"]
) -> xr.DataArray:
    experiment = model.experiments[name]
    rate = dR_dT_nr(recoil, experiment.target, experiment.flux, model.interactions, values)
    return xr.DataArray(
        np.array([np.asarray(r) for r in rate.values()]),
        dims=("source", "T_nr"),
        coords={"source": list(rate), "T_nr": recoil},
        name="dR_dT_nr",
        attrs={"units": "1/kg/MeV", "experiment": name},
    )


def _cross_section(
    model: Model, values: Values, name: str, recoil: Float[np.ndarray, " T_nr"], E_nu: float
) -> xr.DataArray:
    experiment = model.experiments[name]
    sources: Sequence[str] = experiment.flux.sources
    nuclei = experiment.target.nuclei
    theory = model.interactions
    table = [
        [np.asarray(differential_cross_section(recoil, E_nu, n, s, theory, values)) for n in nuclei]
        for s in sources
    ]
    return xr.DataArray(
        np.array(table),
        dims=("source", "nucleus", "T_nr"),
        coords={"source": list(sources), "nucleus": [n.name for n in nuclei], "T_nr": recoil},
        name="dsigma_dT_nr",
        attrs={"units": "cm^2/MeV", "E_nu": E_nu, "experiment": name},
    )
