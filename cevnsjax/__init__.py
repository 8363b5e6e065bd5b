"""cevnsjax: differentiable predictions and limits for coherent elastic neutrino scattering.

The names are listed in ``__init__.pyi`` and imported when they are first used, so that
``import cevnsjax`` takes milliseconds and loads no jax.
"""

import lazy_loader

from cevnsjax._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
