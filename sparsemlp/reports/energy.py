"""What one inference costs in energy: the operations of the remaining connections, priced by number format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import checks

PICOJOULES = {  # multiply, add; 45 nm CMOS
    "int8": (0.2, 0.03),
    "int32": (3.1, 0.1),
    "float16": (1.1, 0.4),
    "float32": (3.7, 0.9),
}


@dataclass(frozen=True)
class EnergyReport:
    """Arithmetic energy of one inference of a network, by layer and number format.

    Attributes
    ----------
    layers : tuple of dict
        By layer: "shape" (n_in, n_out) and "connections", each of which is one multiplication and one addition per sample.

    Examples
    --------
    >>> report = EnergyReport(({"shape": (100, 80), "connections": 4000}, {"shape": (80, 10), "connections": 389}))
    >>> round(report.nanojoules("float32"), 1), round(report.nanojoules("float32", adds=True), 1)
    (16.2, 20.2)
    >>> print(report)
    layer      shape  connections    int8   int32  float16  float32   adds too: int8   int32  float16  float32
        0   100 x 80        4,000     0.8    12.4      4.4     14.8             0.92    12.8        6     18.4
        1    80 x 10          389  0.0778   1.206   0.4279    1.439          0.08947   1.245   0.5835    1.789
    total                   4,389  0.8778   13.61    4.828    16.24            1.009   14.04    6.583    20.19
    dense                   8,800    1.76   27.28     9.68    32.56            2.024   28.16     13.2    40.48
    nanojoules per inference, 45 nm; multiplications only, then with additions
    """

    layers: tuple

    @property
    def connections(self) -> int:
        """Of all layers: the multiplications, and as many additions, of one inference."""
        return sum(row["connections"] for row in self.layers)

    @property
    def dense_connections(self) -> int:
        """Those of the dense net of the same widths."""
        return sum(row["shape"][0] * row["shape"][1] for row in self.layers)

    def nanojoules(self, number_format: str = "float32", *, adds: bool = False, layer: Any = None) -> float:
        """Energy of one inference.

        Parameters
        ----------
        number_format : {"int8", "int32", "float16", "float32"}
        adds : bool
            Count the additions too; the paper leaves them out.
        layer : int, optional
            Of this layer only.

        Returns
        -------
        float
        """
        connections = self.connections if layer is None else self.layers[layer]["connections"]
        return nanojoules(connections, number_format, adds=adds)

    def to_dict(self) -> dict:
        """Everything as numbers, for JSON; energies in nanojoules."""
        rows = [{**row, "shape": list(row["shape"]), **_energies(row["connections"])} for row in self.layers]
        total = {"connections": self.connections, **_energies(self.connections)}
        dense = {"connections": self.dense_connections, **_energies(self.dense_connections)}
        return {"layers": rows, "total": total, "dense": dense}

    def __str__(self) -> str:
        names = list(PICOJOULES)
        head = f"{'layer':<5}  {'shape':>13}  {'connections':>13}" + "".join(f"  {name:>7}" for name in names)
        head += "".join(f"  {'adds too: ' * (not k) + name:>{17 if not k else 7}}" for k, name in enumerate(names))
        rows = [(f"{k:>5}", f"{r['shape'][0]} x {r['shape'][1]}", r["connections"]) for k, r in enumerate(self.layers)]
        rows += [("total", "", self.connections), ("dense", "", self.dense_connections)]
        lines = [head]
        for name, shape, n in rows:
            cells = [f"  {nanojoules(n, f):>7.4g}" for f in names]
            cells += [f"  {nanojoules(n, f, adds=True):>{7 if k else 17}.4g}" for k, f in enumerate(names)]
            lines.append(f"{name:<5}  {shape:>13}  {n:>13,}" + "".join(cells))
        return "\n".join([*lines, "nanojoules per inference, 45 nm; multiplications only, then with additions"])


def nanojoules(connections: int, number_format: str = "float32", *, adds: bool = False) -> float:
    """Energy of so many multiplications, and as many additions if `adds`.

    >>> round(nanojoules(4389), 2)
    16.24
    """
    checks.choice("number_format", number_format, PICOJOULES)
    multiply, add = PICOJOULES[number_format]
    return connections * (multiply + add * bool(adds)) / 1000


def energy_report(network: Any) -> EnergyReport:
    """What one inference of a network costs in arithmetic energy, layer by layer.

    Parameters
    ----------
    network : Network or Trainer

    Returns
    -------
    EnergyReport

    Notes
    -----
    A connection is one multiplication and one addition: a unit of k connections adds k products to its bias. Activation functions
    and, above all, reading the weights from memory are left out, as in the paper: a number to compare nets by, not what a meter shows.
    Connections that are stored with the value 0 count.

    References
    ----------
    Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate", table V; its
    costs are those of Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, for 45 nm.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> report = energy_report(sm.MLP([100, 80, 60, 40, 10], seed=0))
    >>> report.connections, round(report.nanojoules("float32"), 2)
    (15600, 57.72)
    """
    network = getattr(network, "network", network)
    return EnergyReport(tuple({"shape": layer.weights.shape, "connections": layer.multiplications()} for _, layer in network.weighted))


def _energies(connections: int) -> Any:
    pairs = (("multiply", False), ("multiply_add", True))
    return {f"{name}_nj": {f: nanojoules(connections, f, adds=adds) for f in PICOJOULES} for name, adds in pairs}
