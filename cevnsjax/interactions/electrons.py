"""Neutrinos on electrons: the weak charges of an electron, and non-standard couplings to it.

With g_V = g_L + g_R and g_A = g_L - g_R, the electron is a target of spin 1/2 like any other; 't
Hooft, PLB 37, 195; Giunti and Studenikin, Rev. Mod. Phys. 87, 531. Antineutrinos change the sign of
the interference of vector and axial currents, which is to exchange g_L and g_R. Corrections of QED
are left out.
"""

from cevnsjax.core.types import AtNodes, Real, Values
from cevnsjax.couplings import FLAVOURS, electron_couplings
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import PAIRS, is_diagonal, latex_of, require_names, spread
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter

NAMES = tuple(f"eps_e{hand}_{pair}" for pair in PAIRS for hand in "LR")
_WORDS = {"L": "left", "R": "right"}


def weak_charges(s2: Real, electron: NucleusAtNodes, *, running: bool) -> Charges:
    """Vector and axial charges of the electron in the Standard Model.

    Args:
        s2: sin^2 theta_W [1].
        electron: The electron, and momentum transfers.
        running: Whether angle and charge radii run with the momentum transfer.
    """
    vector, axial = {}, {}
    g_V, g_A = electron_couplings(s2, electron.q2 if running else None)
    for source in electron.sources:
        key = source, SOURCE_FLAVOUR[source]
        k = FLAVOURS.index(key[1])
        # F_p is 1: it makes an array of the couplings.
        vector[key], axial[key] = g_V[k] * electron.F_p, g_A[k] * electron.F_p
    return Charges(vector=vector, axial=axial)


class ElectronNSI(Interaction):
    """NSI with electrons: g_L -> g_L delta_ab + eps^L_ab, and g_R likewise, real and symmetric.

    Barranco, Miranda, Moura and Valle, PRD 73, 113001. Only experiments that see electrons depend
    on them. The twelve couplings are switched on if none is named.

    Examples:
        >>> at = (0.01, 30.0, cj.ELECTRON, "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.ElectronNSI("eps_eL_mumu"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"eps_eL_mumu": 0.1})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        0.66
    """

    key = "electron_nsi"
    owns = NAMES
    on_electrons = True
    on_nuclei = False
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch couplings on.

        Args:
            *names: Names like eps_eL_ee, eps_eR_emu; all twelve if none is given.

        Raises:
            UnknownNameError: At an unknown handedness or flavour pair.
        """
        super().__init__(names=require_names("ElectronNSI", names or NAMES, NAMES))

    def own_parameters(self) -> list[Parameter]:
        """The couplings that are switched on."""
        return [self._parameter(name) for name in self.names]

    def _parameter(self, name: str) -> Parameter:
        hand, pair = name[len("eps_e")], name.rpartition("_")[2]
        return Parameter(
            name=name,
            meaning=f"coupling to {_WORDS[hand]}-handed electrons, neutrinos {pair}, by G_F",
            default=0.0,
            bounds=(-10.0, 10.0),
            latex=rf"\varepsilon^{{e{hand}}}_{{{latex_of(pair)}}}",
            scale=0.1,
            even=not is_diagonal(pair),
            owner="ElectronNSI",
        )

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector and axial amplitudes on electrons; nothing on nuclei."""
        if not nucleus.nucleus.is_electron:
            return Charges()
        vector: dict[str, AtNodes] = {}
        axial: dict[str, AtNodes] = {}
        for pair in PAIRS:
            eps = {h: values[n] for h in "LR" if (n := f"eps_e{h}_{pair}") in self.names}
            if eps:
                left, right = eps.get("L", 0.0), eps.get("R", 0.0)
                vector[pair], axial[pair] = (
                    (left + right) * nucleus.F_p,
                    (left - right) * nucleus.F_p,
                )
        return Charges(vector=spread(vector, nucleus.sources), axial=spread(axial, nucleus.sources))
