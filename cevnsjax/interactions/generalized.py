"""Neutrino generalized interactions: every Lorentz structure, from quarks to nuclei.

Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018, eqs. 12-21 and appendix. In units of
G_F^2 M/pi every structure carries 1/4: C_V = -2 Q of the weak charge.
"""

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import AtNodes, Values
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, Key, NucleusAtNodes
from cevnsjax.interactions.flavour import require_names
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.numerics import total
from cevnsjax.parameters import Parameter

m_p, m_n = 938.27209, 939.56542
"""Nucleon masses [MeV] (PDG)."""
m_u, m_d = 2.16, 4.67
"""Current quark masses at 2 GeV [MeV] (PDG; the paper states none)."""
# Eqs. 15-16: mass fractions f_Tq and tensor charges delta_q.
_F_T = {("u", "p"): 0.019, ("d", "p"): 0.041, ("u", "n"): 0.023, ("d", "n"): 0.034}
_QUARK_MASS = {"u": m_u, "d": m_d}

SCALAR_PER_PROTON = {q: m_p / _QUARK_MASS[q] * _F_T[q, "p"] for q in "ud"}
"""Scalar charge of a proton per unit of quark coupling [1]."""
SCALAR_PER_NEUTRON = {q: m_n / _QUARK_MASS[q] * _F_T[q, "n"] for q in "ud"}
"""Scalar charge of a neutron per unit of quark coupling [1]."""
_VECTOR_P, _VECTOR_N = {"u": 2.0, "d": 1.0}, {"u": 1.0, "d": 2.0}
_TENSOR_P, _TENSOR_N = {"u": 0.54, "d": -0.23}, {"u": -0.23, "d": 0.54}

# Pseudoscalar and axial quark currents need nuclear spin and are left out, as in the paper.
PER_NUCLEON = {
    "C_S": (SCALAR_PER_PROTON, SCALAR_PER_NEUTRON),
    "D_P": (SCALAR_PER_PROTON, SCALAR_PER_NEUTRON),
    "C_V": (_VECTOR_P, _VECTOR_N),
    "D_A": (_VECTOR_P, _VECTOR_N),
    "C_T": (_TENSOR_P, _TENSOR_N),
    "D_T": (_TENSOR_P, _TENSOR_N),
}
"""Per Lorentz index: what one proton and one neutron carry per unit of quark coupling [1]."""
EFFECTIVE = ("xi_S", "xi_V", "xi_T", "R_ST")
QUARK = tuple(f"{k[0]}_{q}_{k[2]}" for k in PER_NUCLEON for q in "ud")
_EVEN = ("xi_S", "xi_T")
_STRUCTURE = {
    **{"S": "scalar", "P": "scalar", "V": "vector", "A": "vector", "T": "tensor"},
    "ST": "scalar_tensor",
}


class GeneralizedInteractions(Interaction):
    """NGI with quark couplings C_u_S, D_d_A, ... or effective nuclear couplings xi_S, xi_V, ...

    xi_V is the part beyond the Standard Model and interferes with it; D_A does not interfere; the
    scalar-tensor product R has opposite signs for neutrinos and antineutrinos.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.GeneralizedInteractions("xi_S"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"xi_S": 1.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        3.02
    """

    key = "generalized"
    owns = (*EFFECTIVE, *QUARK)
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch couplings on.

        Args:
            *names: Effective couplings (xi_S, xi_V, xi_T, R_ST) or quark couplings (C_u_S, D_u_P,
                C_u_V, D_u_A, C_u_T, D_u_T and the same for d); the effective xi_S, xi_V, xi_T if
                none is given.

        Raises:
            UnknownNameError: At an unknown name.
            InputError: If effective and quark couplings are mixed.
        """
        chosen = names or EFFECTIVE[:3]
        listed = require_names("GeneralizedInteractions", chosen, self.owns)
        effective = [n for n in listed if n in EFFECTIVE]
        if effective and len(effective) < len(listed):
            raise InputError(
                f"GeneralizedInteractions: {effective} are made of the quark couplings; name "
                "effective couplings or quark couplings, not both"
            )
        super().__init__(names=listed)
        object.__setattr__(self, "structures", _structures(listed))

    def own_parameters(self) -> list[Parameter]:
        """The couplings that are switched on."""
        return [_parameter(name) for name in self.names]

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes, and scalar, tensor and scalar-tensor strengths, by source."""
        if self.names[0] in EFFECTIVE:
            N = nucleus.NF_n
            xi = {n: values[n] for n in self.names}
            products = {
                "scalar": (xi["xi_S"] * N) ** 2 if "xi_S" in xi else None,
                "tensor": (xi["xi_T"] * N) ** 2 if "xi_T" in xi else None,
                "scalar_tensor": xi["R_ST"] * N**2 if "R_ST" in xi else None,
            }
            return _charges(nucleus, xi["xi_V"] * N if "xi_V" in xi else None, None, products)
        C = self._nuclear(values, nucleus)
        products = {
            "scalar": _sum_of_squares(C, "C_S", "D_P"),
            "tensor": _sum_of_squares(C, "C_T", "D_T", factor=8.0),
            "scalar_tensor": _scalar_tensor(C),
        }
        return _charges(nucleus, C.get("C_V"), C.get("D_A"), products)

    def _nuclear(self, values: Values, nucleus: NucleusAtNodes) -> dict[str, AtNodes]:
        """Nuclear couplings C_X, D_X by eq. 19, form factors included, [node] [1]."""
        couplings: dict[str, AtNodes] = {}
        for name in self.names:
            letter, quark, index = name.split("_")
            key = f"{letter}_{index}"
            proton, neutron = (table[quark] for table in PER_NUCLEON[key])
            term = values[name] * (proton * nucleus.ZF_p + neutron * nucleus.NF_n)
            couplings[key] = couplings[key] + term if key in couplings else term
        return couplings


def _structures(names: tuple[str, ...]) -> tuple[str, ...]:
    """Structures that the couplings fill; scalar and tensor quark couplings also mix."""
    filled = {_STRUCTURE[name.rpartition("_")[2]] for name in names}
    if names[0] in QUARK and {"scalar", "tensor"} <= filled:
        filled.add("scalar_tensor")
    return tuple(sorted(filled))


def _sum_of_squares(C: dict[str, AtNodes], *keys: str, factor: float = 1.0) -> AtNodes | None:
    squares = [C[k] ** 2 for k in keys if k in C]
    return factor * total(squares) if squares else None


def _scalar_tensor(C: dict[str, AtNodes]) -> AtNodes | None:
    """N^2 R = 2 (C_S C_T - D_P D_T), the spin-independent part of the appendix."""
    terms = []
    if "C_S" in C and "C_T" in C:
        terms.append(2 * C["C_S"] * C["C_T"])
    if "D_P" in C and "D_T" in C:
        terms.append(-2 * C["D_P"] * C["D_T"])
    return total(terms) if terms else None


def _charges(
    nucleus: NucleusAtNodes,
    C_V: AtNodes | None,
    D_A: AtNodes | None,
    products: dict[str, AtNodes | None],
) -> Charges:
    vector: dict[Key, AtNodes] = {}
    for source in nucleus.sources:
        if C_V is not None:
            vector[(source, SOURCE_FLAVOUR[source])] = -0.5 * C_V
        if D_A is not None:
            # A separate outgoing channel: it adds to the rate without interference.
            vector[(source, "D_A")] = 0.5 * D_A

    def strengths(structure: str) -> dict[str, AtNodes]:
        value = products[structure]
        return {} if value is None else dict.fromkeys(nucleus.sources, 0.25 * value)

    return Charges(
        vector=vector,
        scalar=strengths("scalar"),
        tensor=strengths("tensor"),
        scalar_tensor=strengths("scalar_tensor"),
    )


def _parameter(name: str) -> Parameter:
    if name in EFFECTIVE:
        index = name.rpartition("_")[2]
        latex = rf"\xi_{index}" if name.startswith("xi") else "R"
        meaning = {
            "xi_S": "effective scalar coupling to the nucleus, in units of G_F N",
            "xi_V": "effective vector coupling beyond the Standard Model, in units of G_F N",
            "xi_T": "effective tensor coupling, in units of G_F N",
            "R_ST": "scalar-tensor interference",
        }[name]
    else:
        letter, quark, index = name.split("_")
        latex = rf"{letter}^{quark}_{index}"
        meaning = f"quark coupling {letter}_{index} of {quark} quarks, relative to G_F"
    return Parameter(
        name=name,
        meaning=meaning,
        default=0.0,
        bounds=(-20.0, 20.0),
        latex=latex,
        scale=0.1,
        even=name in _EVEN or (name not in EFFECTIVE and not name.endswith("_V")),
        source="PRD 98, 075018",
        owner="GeneralizedInteractions",
    )
