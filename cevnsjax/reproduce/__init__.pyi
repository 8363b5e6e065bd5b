from .catalogue import PAPERS as PAPERS
from .paper import Paper as Paper
from .reproduction import Reproduction as Reproduction
from .reproduction import run as run
from .rows import Row as Row
from .rows import published as published
