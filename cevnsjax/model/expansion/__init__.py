"""The profiled likelihood to second order at many points."""
