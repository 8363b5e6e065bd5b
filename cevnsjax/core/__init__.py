"""What every room stands on: constants, units, errors, checks, files, precision."""

from cevnsjax.core import errors as errors
