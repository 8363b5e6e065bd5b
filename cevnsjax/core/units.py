"""Unit multipliers into the one canonical set: MeV, fm, cm^2, s, kg.

A plain name anywhere in the package is canonical; any other unit is a suffix (``T_nr_keV``).
"""

keV = 1e-3
"""1 keV [MeV]."""
eV = 1e-6
"""1 eV [MeV]."""
GeV = 1e3
"""1 GeV [MeV]."""
m_in_cm = 1e2
"""1 m [cm]."""
