"""Scales that are fixed before training: those of counts, and a linear regression on them."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError


class Standardisation(eqx.Module):
    """Standardised features, and residuals of a linear regression of coordinates on them.

    Residuals are of order one whatever the data, as wide as a posterior rather than a prior. A
    network that starts from them leaves no tails where a posterior has none.

    Attributes:
        centre: Mean of the features.
        spread: Standard deviations of the features.
        offset: Value of the regression at the centre.
        slopes: Slopes of the regression by the standardised features.
        width: Standard deviations of the residuals.
    """

    centre: Float[np.ndarray | Array, " feature"]
    spread: Float[np.ndarray | Array, " feature"]
    offset: Float[np.ndarray | Array, " coordinate"]
    slopes: Float[np.ndarray | Array, "feature coordinate"]
    width: Float[np.ndarray | Array, " coordinate"]

    @classmethod
    def of(
        cls, z: Float[np.ndarray, "toy coordinate"], features: Float[np.ndarray, "toy feature"]
    ) -> "Standardisation":
        """From simulated coordinates and features."""
        if not np.all(np.isfinite(features)):
            raise InputError("counts are not finite everywhere under the priors; narrow them")
        centre, spread = np.mean(features, axis=0), np.std(features, axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        offset = np.mean(z, axis=0)
        standard = (features - centre) / spread
        slopes = np.linalg.lstsq(standard, z - offset, rcond=1e-6)[0]
        return cls(centre, spread, offset, slopes, np.std(z - offset - standard @ slopes, axis=0))

    @classmethod
    def blank(cls, coordinates: int, features: int) -> "Standardisation":
        """All zeros, of these sizes, to be replaced by numbers from a file."""
        z, feature = np.zeros(coordinates), np.zeros(features)
        return cls(feature, feature, z, np.zeros((features, coordinates)), z)

    def standard(self, features: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Standardised features, as the network gets them."""
        return (features - jnp.asarray(self.centre)) / jnp.asarray(self.spread)

    def inner(
        self, z: Float[Array, "*batch coordinate"], standard: Float[Array, "... feature"]
    ) -> Float[Array, "*batch coordinate"]:
        """From coordinates and standardised features to residuals in units of their widths."""
        return (z - self._regression(standard)) / jnp.asarray(self.width)

    def outer(
        self, residuals: Float[Array, "*batch coordinate"], standard: Float[Array, "... feature"]
    ) -> Float[Array, "*batch coordinate"]:
        """The inverse of ``inner``."""
        return residuals * jnp.asarray(self.width) + self._regression(standard)

    def _regression(self, standard: Float[Array, "... feature"]) -> Float[Array, "... coordinate"]:
        return jnp.asarray(self.offset) + standard @ jnp.asarray(self.slopes)
