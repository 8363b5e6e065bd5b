"""What is known before training: scales of counts, and parameters as a linear function of them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.errors import InputError


class Standardisation(eqx.Module):
    """Standardised features, and coordinates less their linear regression on these.

    What is left of the coordinates is of order one whatever the data, as wide as a posterior rather
    than a prior. A network that starts there leaves no tails where a posterior has none.

    Attributes:
        centre: Mean of the features [feature].
        spread: Their standard deviations [feature].
        offset: Regression at the centre [coordinate].
        slopes: Its slopes by the standardised features [feature, coordinate].
        width: Standard deviation of what it leaves [coordinate].
    """

    centre: Any
    spread: Any
    offset: Any
    slopes: Any
    width: Any

    @classmethod
    def of(cls, z: np.ndarray, seen: np.ndarray) -> "Standardisation":
        """From simulated coordinates [toy, coordinate] and features [toy, feature].

        Raises:
            InputError: If a feature is not finite.
        """
        if not np.all(np.isfinite(seen)):
            raise InputError("counts are not finite everywhere under the priors; narrow them")
        centre, spread = np.mean(seen, axis=0), np.std(seen, axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        offset = np.mean(z, axis=0)
        standard = (seen - centre) / spread
        slopes = np.linalg.lstsq(standard, z - offset, rcond=1e-6)[0]
        return cls(centre, spread, offset, slopes, np.std(z - offset - standard @ slopes, axis=0))

    @classmethod
    def blank(cls, coordinates: int, features: int) -> "Standardisation":
        """One of these sizes, its numbers to be read."""
        one, many = np.zeros(coordinates), np.zeros(features)
        return cls(many, many, one, np.zeros((features, coordinates)), one)

    def standard(self, seen: Any) -> Any:
        """Features as the network gets them, shaped like ``seen`` [..., feature]."""
        return (seen - jnp.asarray(self.centre)) / jnp.asarray(self.spread)

    def inner(self, z: Any, features: Any) -> Any:
        """From coordinates to what the regression leaves; standardised features."""
        return (z - self._regression(features)) / jnp.asarray(self.width)

    def outer(self, z: Any, features: Any) -> Any:
        """The inverse of ``inner``."""
        return z * jnp.asarray(self.width) + self._regression(features)

    def _regression(self, features: Any) -> Any:
        return jnp.asarray(self.offset) + features @ jnp.asarray(self.slopes)
