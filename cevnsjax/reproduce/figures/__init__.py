"""What figures of several papers share: curves, panels, regions, spectra over data."""
