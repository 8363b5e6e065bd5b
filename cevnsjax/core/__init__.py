"""What every room stands on: constants, units, errors, checks, precision; ``disk`` has files."""

from cevnsjax.core import errors as errors
