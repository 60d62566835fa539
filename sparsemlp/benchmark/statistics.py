"""What is made of the times: medians and minima, ratios of one run, the break-even density, the line of time against connections."""

import math

import numpy as np


def summary(seconds):
    """Median, minimum and quartiles.

    Examples
    --------
    >>> summary([3.0, 1.0, 2.0, 5.0, 4.0])
    {'n': 5, 'median': 3.0, 'minimum': 1.0, 'q1': 2.0, 'q3': 4.0}
    """
    q1, median, q3 = (float(q) for q in np.percentile(seconds, (25, 50, 75)))
    return {"n": len(seconds), "median": median, "minimum": float(min(seconds)), "q1": q1, "q3": q3}


def ratio(row, base):
    """How many times faster `base` is than `row`, by medians and by minima.

    Examples
    --------
    >>> ratio(summary([4.0]), summary([2.0]))
    (2.0, 2.0)
    """
    return row["median"] / base["median"], row["minimum"] / base["minimum"]


def break_even(densities, speedups):
    """The density at which a speed-up falls to 1, between the points measured by a power law.

    Returns
    -------
    float or None
        None if no two neighbours lie on the two sides of 1; where there are several crossings, the last.

    Examples
    --------
    >>> round(break_even([0.1, 0.2, 0.4], [4.0, 2.0, 1.0]), 9), break_even([0.1, 0.2], [4.0, 2.0])
    (0.4, None)
    """
    found = None
    points = sorted(zip(densities, speedups, strict=True))
    for (d0, s0), (d1, s1) in zip(points, points[1:], strict=False):
        if s0 >= 1 >= s1 and s0 > s1:
            share = math.log(s0) / (math.log(s0) - math.log(s1))
            found = d0 * (d1 / d0) ** share
    return found


def line(connections, seconds):
    """Least squares of seconds = a + b * connections, errors relative to the times, so that small nets count as much as large ones.

    Returns
    -------
    a, b : float
        Seconds of a step without connections; seconds for each connection.
    r2 : float
        The share of the times' relative variance that the line explains.

    Examples
    --------
    >>> a, b, r2 = line([1, 2, 4], [3.0, 5.0, 9.0])
    >>> round(a, 9), round(b, 9), round(r2, 9)
    (1.0, 2.0, 1.0)
    """
    n, t = np.asarray(connections, float), np.asarray(seconds, float)
    design = np.stack([np.ones_like(n), n], axis=1) / t[:, None]
    (a, b), *_ = np.linalg.lstsq(design, np.ones_like(t), rcond=None)
    mean = (1 / t).sum() / (1 / t**2).sum()  # the best constant by the same measure
    spread = ((1 - mean / t) ** 2).sum()
    rest = ((1 - design @ [a, b]) ** 2).sum()
    return float(a), float(b), float(1 - rest / spread) if spread else 1.0
