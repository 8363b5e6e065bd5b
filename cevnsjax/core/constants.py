"""Physical constants, one source each.

CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010) and PDG 2018/2020 values.
"""

G_F = 1.1663787e-11
"""Fermi coupling constant [MeV^-2] (CODATA 2018)."""
hbar_c = 197.3269804
"""Conversion constant hbar c [MeV fm] (CODATA 2018, exact)."""
hbar_c_squared_cm2 = (hbar_c * 1e-13) ** 2
"""(hbar c)^2 [MeV^2 cm^2]: turns MeV^-2 into cm^2."""
alpha = 1 / 137.035999084
"""Fine-structure constant [1] (CODATA 2018)."""
N_A = 6.02214076e23
"""Avogadro constant [1/mol] (exact)."""
u = 931.49410242
"""Atomic mass unit [MeV] (CODATA 2018)."""

m_e = 0.51099895
"""Electron mass [MeV] (CODATA 2018)."""
m_mu = 105.6583755
"""Muon mass [MeV] (CODATA 2018)."""
m_tau = 1776.86
"""Tau mass [MeV] (PDG 2020)."""
m_pi = 139.57039
"""Charged pion mass [MeV] (PDG 2020)."""
m_W = 80379.0
"""W boson mass [MeV] (PDG 2020)."""

lepton_mass = {"e": m_e, "mu": m_mu, "tau": m_tau}
"""Charged-lepton masses by flavour [MeV]."""

E_nu_prompt = (m_pi**2 - m_mu**2) / (2 * m_pi)
"""Energy of nu_mu from pion decay at rest [MeV] (two-body kinematics)."""
E_nu_michel_max = m_mu / 2
"""End point of the muon-decay spectra, electron mass neglected [MeV]."""
