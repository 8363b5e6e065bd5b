"""A trained posterior: questions it answers, and its file."""

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

from cevnsjax._version import __version__
from cevnsjax.core.checks import whole_numbers
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.files import check_output, write_atomically
from cevnsjax.core.types import Reals
from cevnsjax.inference.neural.flow import conditional_flow, require_flowjax
from cevnsjax.inference.neural.setup import Setup, features
from cevnsjax.inference.neural.standardisation import Standardisation
from cevnsjax.inference.neural.unbounded import from_normal, to_normal
from cevnsjax.inference.posteriors.arviz_groups import inference_data, table_dataset
from cevnsjax.inference.posteriors.priors import Density
from cevnsjax.inference.promotions import standard_promotion

_FORMAT = "cevnsjax amortised posterior 1"


class Amortised(eqx.Module):
    """The posterior as a function of data; made by ``amortise`` or ``load``.

    Attributes:
        flow: Density of coordinates given features, both in the frame.
        frame: What was known before training.
        observed: The model's own data, {experiment: [cell]} [count].
        losses: Mean of -log q in each block of training steps [1]; the last ones should be flat.
        setup: What was trained, as plain data.
    """

    flow: Any
    frame: Standardisation
    observed: dict[str, Any]
    losses: Any
    setup: Setup = eqx.field(static=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are inferred."""
        return tuple(p.name for p in self.setup.parameters)

    @property
    def priors(self) -> tuple[Density, ...]:
        """Their priors."""
        return self.setup.priors[: len(self.names)]

    def sample(self, data: Any = None, draws: int = 4000, seed: int = 0) -> Any:
        """Independent draws from the posterior of one data set.

        Args:
            data: Counts [cell], {experiment: [cell]} or Pseudodata; the model's own if None.
            draws: How many.
            seed: Whole number >= 0.

        Returns:
            arviz ``InferenceData`` (``DataTree`` from arviz 1 on) with the group ``posterior``,
            one chain, as ``cevnsjax.sample`` gives it.

        Raises:
            UnknownNameError: At an unknown experiment.
            InputError: At data of another shape, or a number of draws below 1.
        """
        found = self.draws(data, draws, seed)
        if next(iter(found.values())).ndim != 1:
            raise InputError("these are several data sets; give one, or call draws(...)")
        attributes = {
            "analysis": self.setup.analysis,
            "experiments": ", ".join(n for n, _, _ in self.setup.statistics),
            "fixed": ", ".join(f"{n} = {x:g}" for n, x in self.setup.held),
            "seed": seed,
            "inference_library": "flowjax",
        }
        table = {p.name: p for p in self.setup.parameters}
        one = {n: x[None] for n, x in found.items()}
        return inference_data({"posterior": table_dataset(one, table, attributes)})

    def draws(self, data: Any = None, draws: int = 4000, seed: int = 0) -> dict[str, np.ndarray]:
        """As ``sample``, as arrays [draw]; [data set, draw] where counts are [data set, cell]."""
        draws, seed = whole_numbers(draws=(draws, 1), seed=(seed, 0))
        seen, single = self._features(data)
        with standard_promotion():
            z = _draw(self.flow, self.frame, jax.random.key(seed), seen, draws)
        out = {p.name: np.asarray(from_normal(p, z[..., k])).T for k, p in enumerate(self.priors)}
        return {n: x[0] for n, x in out.items()} if single else out

    def log_prob(self, values: Mapping[str, Any], data: Any = None) -> Reals:
        """Logarithm of the posterior density, -inf outside the priors.

        Args:
            values: Every parameter that is inferred, each a number or an array [point].
            data: One data set, as for ``sample``.

        Returns:
            Shaped like the values, broadcast [1/units of the parameters].

        Raises:
            UnknownNameError: At a name that is not inferred.
            InputError: At a name that is missing, or data of another shape.
        """
        for name in values:
            if name not in self.names:
                raise UnknownNameError("parameter", name, self.names)
        if missing := [n for n in self.names if n not in values]:
            raise InputError(f"log_prob needs {', '.join(missing)} too")
        seen, single = self._features(data)
        if not single:
            raise InputError("log_prob takes one data set; map over several")
        x = jnp.broadcast_arrays(*(jnp.asarray(values[n], dtype=float) for n in self.names))
        z = [to_normal(p, v) for p, v in zip(self.priors, x, strict=True)]
        with standard_promotion():
            log = _log_density(self.flow, self.frame, jnp.stack(z, axis=-1), seen[0])
        for p, v, c in zip(self.priors, x, z, strict=True):
            log = log + p.log(v, jnp) + 0.5 * c**2 + 0.5 * math.log(2 * math.pi)
        return log

    def _features(self, data: Any) -> tuple[Any, bool]:
        """Standardised features [data set, feature], and whether there was one data set alone."""
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
        rows = {n: jnp.broadcast_to(_row(x), (*size, np.shape(x)[-1])) for n, x in counts.items()}
        seen = features(rows, {n: s for n, s, _ in self.setup.statistics})
        with standard_promotion():
            return self.frame.standard(seen), not shapes

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write to a file ending in .eqx; ``load`` reads it without the model.

        Raises:
            InputError: If it exists and ``overwrite`` is not given, or cannot be written.
        """
        target = check_output(path, overwrite=overwrite, suffixes=(".eqx",))
        blocks = len(self.losses)
        header = {"format": _FORMAT, "version": __version__, "blocks": blocks}
        text = json.dumps({**header, "setup": asdict(self.setup)}).encode()

        def write(place: Path) -> None:
            with place.open("wb") as file:
                file.write(text + b"\n")
                eqx.tree_serialise_leaves(file, self)

        write_atomically(target, write)
        return target


def load(path: str | Path) -> Amortised:
    """A posterior that ``Amortised.save`` wrote.

    Raises:
        InputError: If the file cannot be read or is none of these.
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
        raise InputError(f"{path} is no file of Amortised.save: {problem}") from None


def _blank(header: dict[str, Any]) -> Amortised:
    """One of the right shapes, its numbers to be read."""
    setup = Setup.read(header["setup"])
    size = sum(cells for _, _, cells in setup.statistics)
    flow = conditional_flow(jax.random.key(0), len(setup.parameters), size, setup.width)
    observed = {n: np.zeros(cells) for n, _, cells in setup.statistics}
    return Amortised(
        flow,
        Standardisation.blank(len(setup.parameters), size),
        observed,
        np.zeros(header["blocks"]),
        setup,
    )


def _row(counts: Any) -> Any:
    return jnp.asarray(counts)[None] if np.ndim(counts) == 1 else jnp.asarray(counts)


@eqx.filter_jit
def _draw(flow: Any, frame: Standardisation, key: Any, given: Any, draws: int) -> Any:
    """Coordinates [draw, data set, parameter]."""
    return frame.outer(flow.sample(key, (draws,), condition=given), given[None])


@eqx.filter_jit
def _log_density(flow: Any, frame: Standardisation, z: Any, given: Any) -> Any:
    inner = frame.inner(z, given)
    return flow.log_prob(inner, given) - jnp.sum(jnp.log(jnp.asarray(frame.width)))
