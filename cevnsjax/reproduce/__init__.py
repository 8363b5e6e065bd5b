"""Published numbers, computed again and compared row by row.

``run`` computes the rows of papers, ``PAPERS`` lists the papers, ``published`` their numbers. The
names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
