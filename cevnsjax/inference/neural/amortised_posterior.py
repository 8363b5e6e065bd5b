"""A trained posterior: its draws, its density, and its file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cevnsjax._version import __version__
from cevnsjax.core.checks import MOST_STEPS, whole_numbers
from cevnsjax.core.disk.files import check_output, write_output
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import RealLike, Reals
from cevnsjax.inference.neural.flow import conditional_flow, require_flowjax
from cevnsjax.inference.neural.setup import Setup, features
from cevnsjax.inference.neural.standardisation import Standardisation
from cevnsjax.inference.neural.unbounded import from_normal, to_normal
from cevnsjax.inference.posteriors.arviz_groups import inference_data, table_dataset, tree_of
from cevnsjax.inference.posteriors.priors import Density
from cevnsjax.inference.promotions import standard_promotion

_FORMAT = "cevnsjax amortised posterior 1"


class Amortised(eqx.Module):
    """The posterior as a function of data, from ``amortise`` (with examples) or ``load_amortised``.

    Attributes:
        flow: Density of standardised coordinates given standardised features.
        standardisation: Scales of coordinates and features.
        observed: The model's own data, {experiment: [cell]} [count].
        losses: Mean of -log q in each block of training steps [1]; the last ones should be flat.
        setup: What was trained, as plain data.
    """

    flow: Any
    standardisation: Standardisation
    observed: dict[str, PyTree]
    losses: PyTree
    setup: Setup = eqx.field(static=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that are inferred."""
        return tuple(p.name for p in self.setup.parameters)

    @property
    def priors(self) -> tuple[Density, ...]:
        """Priors of the parameters that are inferred."""
        return self.setup.priors[: len(self.names)]

    def sample(self, data: PyTree = None, draws: int = 4000, seed: int = 0) -> Any:
        """Independent draws from the posterior of one data set.

        Args:
            data: Counts [cell], {experiment: [cell]} or Pseudodata; the model's own if None.
            draws: Number of draws.
            seed: Whole number >= 0.

        Returns:
            arviz ``InferenceData`` (``DataTree`` from arviz 1 on) with the group ``posterior``
            of one chain, as from ``cevnsjax.sample``.

        Raises:
            UnknownNameError: At an unknown experiment.
            InputError: At data of another shape, or fewer than one draw.
        """
        arrays = self.draws(data, draws, seed)
        if next(iter(arrays.values())).ndim != 1:
            raise InputError("these are several data sets; give one, or call draws(...)")
        attributes = {
            "analysis": self.setup.analysis,
            "experiments": [n for n, _, _ in self.setup.statistics],
            "fixed": json.dumps(dict(self.setup.fixed)),
            "seed": seed,
            "inference_library": "flowjax",
        }
        table = {p.name: p for p in self.setup.parameters}
        chain = {n: x[None] for n, x in arrays.items()}
        return inference_data(tree_of({"posterior": table_dataset(chain, table, attributes)}))

    def draws(
        self, data: PyTree = None, draws: int = 4000, seed: int = 0
    ) -> dict[str, Float[np.ndarray, "*data_set draw"]]:
        """Draws [draw] in the parameters' units; takes what ``sample`` takes.

        Counts may also be those of several data sets, [data set, cell]: draws are then
        [data set, draw].
        """
        draws, seed = whole_numbers(draws=(draws, 1, MOST_STEPS), seed=(seed, 0))
        features, single = self._features(data)
        with standard_promotion():
            key = jax.random.key(seed)
            z = _draw(self.flow, self.standardisation, key, features, draws)
        values = {
            p.name: np.asarray(from_normal(p, z[..., k])).T for k, p in enumerate(self.priors)
        }
        return {n: x[0] for n, x in values.items()} if single else values

    def log_prob(self, values: Mapping[str, RealLike], data: PyTree = None) -> Reals:
        """Logarithm of the posterior density, -inf outside the priors.

        Args:
            values: Value of each parameter that is inferred, a number or an array [point]
                [units of the parameters].
            data: One data set, as for ``sample``.

        Returns:
            Logarithm of the density, shaped like the values [1/units of the parameters].

        Raises:
            UnknownNameError: At a name that is not inferred.
            InputError: At a name that is missing, or data of another shape.
        """
        for name in values:
            if name not in self.names:
                raise UnknownNameError("parameter", name, self.names)
        if missing := [n for n in self.names if n not in values]:
            raise InputError(f"log_prob needs {', '.join(missing)} too")
        features, single = self._features(data)
        if not single:
            raise InputError("log_prob takes one data set; map over several")
        x = jnp.broadcast_arrays(*(jnp.asarray(values[n], dtype=float) for n in self.names))
        z = [to_normal(p, v) for p, v in zip(self.priors, x, strict=True)]
        with standard_promotion():
            stacked = jnp.stack(z, axis=-1)
            log = _log_density(self.flow, self.standardisation, stacked, features[0])
        for p, v, c in zip(self.priors, x, z, strict=True):
            log = log + p.log(v, jnp) + 0.5 * c**2 + 0.5 * math.log(2 * math.pi)
        return log

    def _features(self, data: PyTree) -> tuple[Float[Array, "data_set feature"], bool]:
        """Standardised features, and whether the data are one data set without an axis for it."""
        counts = {**self.observed, **self.setup.counts(data)}
        shapes = {np.shape(x)[:-1] for x in counts.values()} - {()}
        size = next(iter(shapes), (1,))
        for name, _, cells in self.setup.statistics:
            shape = np.shape(counts[name])
            if len(shapes) > 1 or len(shape) not in (1, 2) or shape[-1] != cells:
                raise InputError(
                    f"data for {name} has shape {shape}, expected ({cells},) or (data sets, "
                    f"{cells}), as many data sets for every experiment"
                )
            if not np.all(np.isfinite(counts[name])):
                raise InputError(f"data for {name} are not finite")
        rows = {n: jnp.broadcast_to(x, (*size, np.shape(x)[-1])) for n, x in counts.items()}
        with standard_promotion():
            seen = features(rows, {n: s for n, s, _ in self.setup.statistics})
            return self.standardisation.standard(seen), not shapes

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write to a file ending in .eqx; ``load_amortised`` reads it without the model.

        Raises:
            InputError: If the file exists and ``overwrite`` is False, or it cannot be written.
        """
        target = check_output(path, overwrite=overwrite, suffixes=(".eqx",))
        header = {"format": _FORMAT, "version": __version__, "blocks": len(self.losses)}
        text = json.dumps({**header, "setup": asdict(self.setup)}).encode()

        def write(place: Path) -> None:
            with place.open("wb") as file:
                file.write(text + b"\n")
                eqx.tree_serialise_leaves(file, self)

        write_output(target, write, overwrite=overwrite)
        return target


def load_amortised(path: str | Path) -> Amortised:
    """Read a posterior that ``Amortised.save`` wrote.

    Raises:
        InputError: If the file cannot be read, or ``Amortised.save`` did not write it.
    """
    require_flowjax()
    try:
        with Path(path).open("rb") as file:
            header = json.loads(file.readline())
            if header["format"] != _FORMAT:
                raise ValueError(header["format"])
            return eqx.tree_deserialise_leaves(file, _blank(header))
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    except (ValueError, KeyError, TypeError, RuntimeError) as problem:
        raise InputError(f"{path} is not a file of Amortised.save: {problem}") from None


def _blank(header: dict[str, Any]) -> Amortised:
    """A posterior of the right shapes, to be filled with the numbers of the file."""
    setup = Setup.read(header["setup"])
    size = sum(cells for _, _, cells in setup.statistics)
    flow = conditional_flow(jax.random.key(0), len(setup.parameters), size, setup.width)
    standardisation = Standardisation.blank(len(setup.parameters), size)
    observed = {n: np.zeros(cells) for n, _, cells in setup.statistics}
    return Amortised(flow, standardisation, observed, np.zeros(header["blocks"]), setup)


@eqx.filter_jit
def _draw(
    flow: Any,
    standardisation: Standardisation,
    key: Array,
    features: Float[Array, "data_set feature"],
    draws: int,
) -> Float[Array, "draw data_set parameter"]:
    residuals = flow.sample(key, (draws,), condition=features)
    return standardisation.outer(residuals, features[None])


@eqx.filter_jit
def _log_density(
    flow: Any,
    standardisation: Standardisation,
    z: Float[Array, "*point parameter"],
    features: Float[Array, " feature"],
) -> Float[Array, "*point"]:
    residuals = standardisation.inner(z, features)
    widths = jnp.asarray(standardisation.width)
    return flow.log_prob(residuals, features) - jnp.sum(jnp.log(widths))
