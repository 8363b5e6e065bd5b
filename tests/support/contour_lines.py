"""Lines of figures read back: where contours and curves cross a value."""

import numpy as np
from matplotlib.contour import QuadContourSet


def outlines(axes):
    """Sets of contour lines in the order they were drawn, without filled ones."""
    sets = [c for c in axes.collections if isinstance(c, QuadContourSet)]
    return [c for c in sets if not c.filled]


def cuts(outline, index, *, x=None, y=None):
    """Where the lines of a level cross a given x or y: sorted values of the other coordinate."""
    along, value = (0, x) if y is None else (1, y)
    places = []
    for line in outline.allsegs[index]:
        at, other = line[:, along] - value, line[:, 1 - along]
        i = np.flatnonzero((at[:-1] < 0) != (at[1:] < 0))
        places.append(other[i] - at[i] * (other[i + 1] - other[i]) / (at[i + 1] - at[i]))
    return np.sort(np.concatenate(places))


def reach(outline, index):
    """Lowest and highest x and y of the lines of a level, ((x, x), (y, y))."""
    points = np.concatenate(outline.allsegs[index])
    return tuple(zip(points.min(axis=0).tolist(), points.max(axis=0).tolist(), strict=True))


def curves(axes):
    """Curves drawn, (x, y) by name; straight lines, of two points, are left out."""
    drawn = {line.get_label(): np.array(line.get_data()) for line in axes.get_lines()}
    return {name: xy for name, xy in drawn.items() if xy.shape[1] > 2}


def crossings(xy, height):
    """The x at which a curve crosses a height."""
    x, y = xy
    i = np.flatnonzero(np.diff(np.sign(y - height)))
    return x[i] + (height - y[i]) * np.diff(x)[i] / np.diff(y)[i]
