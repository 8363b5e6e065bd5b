"""What mutations put into experiment folders and command lines."""

VALUES = [
    *("0", "-1", "1", "2", "1e-3", "7.5", "1e5", "1e99", "-1e99", "1e-99", "1e308", "5e-324"),
    *("1e400", "nan", "-nan", "inf", "-inf", "true", "false", '""', '"  "', '"abc"', '"Ge"'),
    *(
        "[]",
        "{}",
        "[[]]",
        "[1, 2]",
        "[0, 1]",
        "[1.0, nan]",
        '["a", 1]',
        "[[1, 2], [3]]",
        "{ a = 1 }",
    ),
    *('"$\\\\frac{$"', '"[keV] :cat: [/]"', '"\\u0000"', '"\\n"', '"µ"', '"/dev/zero"', '"../x"'),
    *(
        '"lognormal"',
        "1e-12",
        "0.3",
        "20",
        "1979-05-27",
        "07:32:00",
        "0xff",
        "9" * 400,
        "9" * 5000,
        "0x" + "f" * 5000,
        "[" * 3000,
    ),
    *('"data.csv"', '"backgrounds.csv"', '"."', '"a\\u0000b"', f'"{"x" * 5000}"', "'''a\nb'''"),
    *('"total"', '"observed"', '"signal"', '"nu_e"', '"alpha_"', '"source"', '"t_us"', '"chain"'),
]
FIELDS = [
    *("", "0", "-1", "1e308", "5e-324", "nan", "inf", "abc", "1,2", '"', '"1', "1e400", "0x10"),
    *("1_000", "9" * 5000, "#", "µ", "1;2", " 3 ", "-0.0", "1e-99", "1e99", "\x00", "٣"),
]
WORDS = [
    *("", "-", "--", "---", "=", ":", ",", "csi-2017", "./my_ge", "/", ".", "..", "my_ge/data.csv"),
    *("nan", "inf", "-1", "0", "1e400", "9" * 5000, "0x10", "[1,2]", '{"a":1}', "[" * 5000, "true"),
    *(
        "sin2_theta_w",
        "sin2_theta_w=0.2",
        "sin2_theta_w=0:1:3",
        "sin2_theta_w=nan",
        "a=b=c",
        "None",
    ),
    *(
        "x.json",
        "x.png",
        "x.nc",
        "/dev/full",
        "/dev/zero",
        "/nowhere/x.json",
        "a" * 300,
        "a" * 5000,
    ),
    *(
        "µ",
        "\udcff",
        "\x1b[2J",
        "$\\frac{$",
        "[keV]",
        "{x}",
        "%s",
        "--help",
        "--set",
        "--free",
        "--fix",
    ),
    *(
        "pulls.sig=0",
        "pulls.sig.sd=1",
        "pulls=1",
        "pulls={}",
        "light_vector.charges=[1]",
        "nodes=1",
    ),
    *(
        "couplings=[1]",
        "form_factor={}",
        "statistic=cells",
        "statistic=time",
        "bins=6,30",
        "data=.",
    ),
]
COMMANDS = [
    "predict csi-2017",
    "predict csi-2017 --quantity dsigma_dT_nr --energy 20 --json",
    "predict csi-2017 --quantity dR_dT_nr --fix sin2_theta_w=0.2",
    "predict csi-2017 --set pulls.sig=0.2 --set quenching=pe117 --output x.json",
    "predict ./my_ge --set couplings=tree --fix g_Zp=1e-4 --fix m_Zp=10",
    "fit csi-2017 --free sin2_theta_w --starts 1 --seed 2 --json",
    "fit csi-2017 --free R_n_Cs --bounds R_n_Cs=4:6 --fix sin2_theta_w=0.2 --overwrite",
    "fit ./my_ge --method newton",
    "scan csi-2017 --x sin2_theta_w=0.1:0.4:3 --level 0.9 --json",
    "fisher csi-2017 --free sin2_theta_w --truth sin2_theta_w=0.23",
    "contours x.nc --plot x.png --point a=0:1 --level 0.9",
    "show csi-2017 --json",
    "show ./my_ge",
    "contours [5]=x.nc x.nc --plot x.png --overwrite",
    "contours line.nc --plot x.png --overwrite",
    "contours gap.nc --plot x.png --overwrite",
    "contours half.nc text.nc --plot x.png --overwrite",
    "new-experiment other --overwrite",
    "data list --json",
    "data verify nuclides",
]
SETTINGS = [
    *("pe117", "poisson", "skin", "helm", "tree", "release", "C+AC", "B-L", "qf_scale", "0.1", "2"),
    *("abc", "all", "cells", "time", "-1", "0", "1", "0.5", "1e9", "1e300", "1e-300", "1e400"),
    *("NaN", "Infinity", "-Infinity", "true", "false", "null", '""', "[]", "[1]", "[1,2]", "1,2"),
    *("[[1]]", '["a","b"]', "a,b", "{}", '{"a":1}', '{"sig":"x"}', '{"sig":{"sd":1}}', "6,30,20"),
    *("[1,2,3,4,5]", "[null]", "[true,false]", "10" + "0" * 400, "9" * 5000, "/dev/zero", ".", "µ"),
]
OPTIONS = [
    *("--set nodes=7", "--set mass_kg=3", "--set bins=6,20", "--set statistic=counting", "--json"),
    *("--set shape=qf_scale", "--set qf_sd=0.1", "--set pulls.brn=0", "--set split_flux=true"),
    *("--set smearing=gamma", "--set data=nowhere", "--set window_us=0,6", "--set radii=skin"),
    *("--set light_vector.charges=B-L", "--set form_factor=helm", "--set kinematics=exact"),
    *("--fix eps_uV_ee=0.1", "--fix mu_nu_e=1", "--fix sin2_theta_w=0", "--fix R_n_Cs=1e3"),
    *("--output x.json --overwrite", "--plot x.svg --overwrite", "--analysis papoulias2020"),
    *("./my_ge", "csi-2017", "lar-2020", "--interaction a.b:c", "--interaction json:dumps"),
]


BEAM = """kind = "decay_at_rest"
neutrinos_per_proton = 0.0848
protons_on_target = 2e23
baseline_m = 20.0
"""
TABLE = """kind = "table"
file = "spectrum.csv"
flavour = "nu_e"
fluence_per_cm2 = 1e14
baseline_m = 20.0
"""
BASES = {
    "reactor": {},
    "beam": {
        "neutrinos": BEAM,
        "quenching": 'kind = "polynomial"\ncoefficients_mev = [0.1, 0.5]\n'
        'variations_mev = [[0.01, 0.0]]\nnuisances = ["qf_1"]\n',
        "resolution": 'kind = "gamma"\nshape_offset = 1.0\nshape_per_kevee = 9.56\n',
    },
    "table": {
        "neutrinos": TABLE,
        "efficiency": 'kind = "table"\nfile = "efficiency.csv"\nthreshold = 0.2\n',
        "resolution": 'kind = "none"\n',
    },
    "gaussian": {"quenching": 'kind = "constant"\nfactor = 0.2\n'},
}
