"""Matrices that lie: SciPy matrices with damaged arrays, NumPy arrays of every kind, through each door of the library."""

import numpy as np
import scipy.sparse as sp

FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
ATTRIBUTES = {
    "csr": ("indptr", "indices", "data"), "csc": ("indptr", "indices", "data"), "bsr": ("indptr", "indices", "data"),
    "coo": ("coords", "data"), "dia": ("offsets", "data"), "lil": ("rows", "data"), "dok": ("_dict",),
}  # fmt: skip
NUMBERS = (-1, -(2**31), 2**31 - 1, 2**40, 2**62, 0, 1, 5, 100, np.nan, np.inf, -np.inf, 1e308, 1e-320)


def damaged_array(a, rng):
    """A copy of an array with something wrong."""
    a = np.array(a)
    kind = rng.integers(9)
    number = NUMBERS[rng.integers(len(NUMBERS))]
    if kind <= 3 and a.size:
        with np.errstate(all="ignore"):
            a.reshape(-1)[rng.integers(a.size)] = number if a.dtype.kind == "f" or (np.isfinite(number) and abs(number) < 2**31) else -1
    elif kind == 4:
        a = a[: rng.integers(a.shape[0] + 1)]
    elif kind == 5:
        a = np.concatenate([a, a])
    elif kind == 6:
        a = a.astype(rng.choice(["int64", "uint8", "float64", "complex64", "uint64", "int8", "float16"]))
    elif kind == 7:
        a = a[::-1].copy() if rng.random() < 0.5 else a.astype(object)
    else:
        a = a.reshape(1, *a.shape) if rng.random() < 0.5 else np.zeros_like(a)
    return a


def sparse(rng):
    n_in, n_out = (int(n) for n in rng.integers(1, 14, 2))
    form = FORMATS[rng.integers(len(FORMATS))]
    base = sp.random_array((n_in, n_out), density=rng.random(), rng=rng, dtype=np.float64 if rng.random() < 0.5 else np.float32)
    matrix = (base if rng.random() < 0.5 else sp.coo_matrix(base)).asformat(form)
    for _ in range(rng.integers(0, 3)):
        name = ATTRIBUTES[form][rng.integers(len(ATTRIBUTES[form]))]
        try:
            damage(matrix, name, rng)
        except (ValueError, TypeError, AttributeError, IndexError, OverflowError):
            continue  # SciPy does not let it be damaged so
    if rng.random() < 0.1:
        matrix._shape = (int(rng.integers(0, 40)), int(rng.integers(0, 40)))
    return matrix


def damage(matrix, name, rng):
    if name == "coords":
        coords = list(matrix.coords)
        k = rng.integers(2)
        coords[k] = damaged_array(coords[k], rng)
        matrix.coords = tuple(coords)
    elif name == "_dict":
        matrix._dict[(int(rng.choice([-1, 10**6, 3])), int(rng.choice([-5, 2, 10**9])))] = float(rng.choice([1, np.nan]))
    elif name == "rows":
        matrix.rows[rng.integers(len(matrix.rows))].append(int(rng.choice([-1, 0, 10**6, 10**12])))
    elif name == "data" and matrix.format == "lil":
        matrix.data[rng.integers(len(matrix.data))].append(np.nan)
    else:
        setattr(matrix, name, damaged_array(getattr(matrix, name), rng))


def dense(rng):
    shape = tuple(int(n) for n in rng.integers(0, 9, rng.choice([0, 1, 2, 2, 2, 2, 3])))
    a = np.asarray(rng.standard_normal(shape) * (rng.random(shape) < 0.5))
    if a.size and rng.random() < 0.4:
        a.reshape(-1)[0] = NUMBERS[rng.integers(len(NUMBERS))]
    kind = rng.choice(["float64", "float32", "bool", "int8", "object", "complex64", "str", "uint64", "S3", "float16", "datetime64[s]"])
    with np.errstate(all="ignore"):
        return np.asarray(a.astype("int64").astype(kind) if kind.startswith("datetime") else a.astype(kind))


def try_matrix(k, rng, use):
    """What became of one hostile matrix at one door."""
    import warnings

    import sparsemlp as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = dense(rng) if rng.random() < 0.2 else sparse(rng)
        door = ("from_scipy", "Given", "MLP", "arrays", "predict", "Change", "mask", "masked Change")[k % 8]
        try:
            _enter(door, matrix, rng, use, sm)
        except (ValueError, TypeError, FloatingPointError) as error:
            return f"{door}: {type(error).__name__}" if str(error) else f"unclear: {door} {type(error).__name__}"
    return f"{door}: valid"


def _enter(door, matrix, rng, use, sm):
    if door == "from_scipy":
        net_of(sm.SparseWeights.from_scipy(matrix), sm, use)
    elif door == "Given":
        given = sm.Given(matrix, keep_values=bool(rng.integers(2)))
        indptr, indices = given.build(*given.matrix.shape, rng)
        net_of(sm.SparseWeights(given.matrix.shape, indptr, indices, np.ones(indices.size, np.float32)), sm, use)
    elif door == "MLP":
        n_in, n_out = np.shape(matrix) if not sp.issparse(matrix) else matrix.shape
        use(sm.MLP([int(n_in), int(n_out), 3], [sm.Given(matrix), sm.Uniform(1.0)]))
    elif door == "arrays":
        n_in, n_out = (int(n) for n in rng.integers(1, 9, 2))
        base = sp.random_array((n_in, n_out), density=0.5, rng=rng, format="csr", dtype=np.float32)
        indptr, indices = damaged_array(base.indptr, rng), damaged_array(base.indices, rng)
        net_of(sm.SparseWeights((n_in, n_out), indptr, indices, base.data), sm, use)
    elif door == "predict":
        shape = matrix.shape
        net = sm.MLP([max(1, shape[1] if len(shape) == 2 else 3), 5, 3], density=0.8)
        net.predict(matrix)
        sm.Trainer(net).fit(matrix, np.arange(shape[0]) % 3, epochs=1)
        net.check()
    elif door == "mask":
        n_in, n_out = (int(n) for n in rng.integers(1, 9, 2))
        values = np.asarray(rng.standard_normal((n_in, n_out)), np.float32)
        net_of(sm.DenseWeights(values, removed=damaged_array(rng.random((n_in, n_out)) < 0.5, rng)), sm, use)
    else:
        from sparsemlp.weights.change import Change, apply_change

        if door == "Change":
            w = sm.MLP([9, 8, 3], density=0.5).layers[0].weights
        else:
            w = sm.DenseWeights(np.ones((9, 8), np.float32), removed=rng.random((9, 8)) < 0.5)
        drop, grow = damaged_array(np.arange(0, 20, 3), rng), damaged_array(np.sort(rng.choice(72, 7, replace=False)), rng)
        try:
            apply_change(w, Change(drop=drop, grow=grow, values=damaged_array(np.ones(grow.shape), rng) if rng.random() < 0.5 else None))
        finally:
            w.check()


def net_of(weights, sm, use):
    """A net whose first layer has these weights, put to use."""
    hidden = sm.Linear(weights, np.zeros(weights.shape[1], weights.dtype))
    last = sm.Linear(sm.DenseWeights(np.ones((weights.shape[1], 2), weights.dtype)), np.zeros(2, weights.dtype), "identity")
    hidden.initializer = last.initializer = sm.He()
    use(sm.Network([hidden, last]))
