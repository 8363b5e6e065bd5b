"""An interaction inside the package is one file and one line: a made-up one proves it."""

import json
import subprocess
import sys

import pytest

FILE = '''
"""A scalar leptoquark: Q_mumu += y^2/(4 sqrt2 G_F m^2) (Z F_p + 2 N F_n)."""

from cevnsjax.core import constants as c
from cevnsjax.interactions.charges import Charges
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter


class Leptoquark(Interaction):
    """A contact interaction of muon neutrinos with d quarks."""

    key = "leptoquark"
    owns = ("y_LQ",)

    def __init__(self, mass_tev=1.0):
        super().__init__(mass_tev=mass_tev)

    @classmethod
    def from_names(cls, *names, **options):
        return cls(**options)

    def own_parameters(self):
        return [Parameter("y_LQ", "leptoquark coupling", 0.0, (0.0, 10.0), even=True)]

    def __call__(self, values, nucleus):
        unit = 1 / (4 * 2**0.5 * c.G_F * (self.mass_tev * 1e6) ** 2)
        charge = values["y_LQ"] ** 2 * unit * (nucleus.ZF_p + 2 * nucleus.NF_n)
        return Charges(vector={(s, "mu"): charge for s in nucleus.sources if "mu" in s})
'''
LINE = "from cevnsjax.interactions.leptoquark import Leptoquark as Leptoquark"
# The folder and the line come first, as a checkout would have them.
SCRIPT = f"""
import json, sys
import cevnsjax.interactions as room
room.__path__.append(sys.argv[1])
exec({LINE!r}, vars(room))

import cevnsjax as cj
from cevnsjax.cli.main import main
from cevnsjax.core.constants import G_F
from cevnsjax.interactions.owners import PARAMETER_NAMES, owning

cj.enable_x64()
options = {{"leptoquark": {{"mass_tev": 2.0}}}}
model = cj.Model(cj.experiments.csi_2017(), [cj.NSI("eps_dV_mumu")])
same = {{"eps_dV_mumu": 1 / (4 * 2**0.5 * G_F * 2e6**2)}}
witness = cj.fit(model, free=["sin2_theta_w"], fixed=same)
print(json.dumps({{
    "built": [repr(i) for i in owning(["y_LQ", "sin2_theta_w"], options)],
    "named": "y_LQ" in PARAMETER_NAMES,
    "chi2": witness.chi2,
    "sin2_theta_w": witness.values["sin2_theta_w"],
}}))
try:
    owning((), {{"leptoquark": {{"mass_tv": 2.0}}}})
except cj.errors.UnknownNameError as problem:
    print(problem)
command = "fit csi-2017 --free sin2_theta_w --fix y_LQ=1 --set leptoquark.mass_tev=2 --json"
sys.argv[1:] = command.split()
main()
"""


def test_a_file_and_a_line_make_an_interaction(tmp_path):
    (tmp_path / "leptoquark.py").write_text(FILE)
    words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    python, refused, command_line = done.stdout.splitlines()
    expected, fit = json.loads(python), json.loads(command_line)
    assert expected["built"] == ["Leptoquark(mass_tev=2.0)"]
    assert expected["named"]
    assert refused == "unknown option of leptoquark 'mass_tv'; did you mean mass_tev?"
    assert fit["chi2"] == pytest.approx(expected["chi2"], rel=1e-10)
    assert fit["values"]["sin2_theta_w"] == pytest.approx(expected["sin2_theta_w"], abs=1e-7)
