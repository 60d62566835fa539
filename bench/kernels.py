"""Each kernel alone: GFLOP/s beside this machine's sgemm and the roofline of its caches, and the error against the naive twin.

    python bench/kernels.py

Forward, backward (with the momentum update inside) and backward without the gradient of the inputs of one square layer; the transposition
of a batch, the loss, the updates of stored gradients and the index by output unit in nanoseconds an element. A connection's row of the
batch is read once: the roofline is the bandwidth to random rows of the block that a pass works in (or of the whole tile, if smaller), all
threads at once, times the operations a byte. Everything in one process, in turns.
"""

from functools import partial

import numpy as np
import roofline
from common import bound_threads, each_part, naive, options

import sparsemlp as sm
from sparsemlp.benchmark import record
from sparsemlp.benchmark.statistics import summary
from sparsemlp.benchmark.turns import in_turns
from sparsemlp.engine.batches import Rows, StepTargets
from sparsemlp.engine.gradients import Gradients
from sparsemlp.engine.step import Step
from sparsemlp.engine.threads import engine
from sparsemlp.kernels.codes import Rule
from sparsemlp.layers import linear

CASES = [(n, density, 128) for n in (1024, 4096) for density in (0.01, 0.05, 0.2)] + [(1024, 0.05, 32), (4096, 0.05, 32), (1024, 0.05, 8)]


def error(got, want):
    """Largest error over the largest value."""
    return float(abs(got - want).max() / abs(want).max())


def untiled(tiles, n):
    return naive.from_tiles(tiles, n).T


class Layer:
    """A net n-n-n whose second layer has everything: the calls of a plan for momentum, one by one.

    The rate is 0 and the activations are kept: calls can be repeated in any order.
    """

    def __init__(self, n, density, batch):
        self.net, self.batch = sm.MLP([n, n, n], topology=sm.Uniform(density), seed=0), batch
        step = Step(self.net, "cross_entropy", sm.SGD(0.01, 0.9), keep_activations=True)
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((batch, n), np.float32), rng.integers(0, n, batch)
        first = step.batch(Rows(X, n), None, StepTargets(y, batch, self.net, step.loss))
        step.train(first, 0.0)
        self.plan = step.last_plan
        self.plan.output_gradient[..., : min(batch, self.plan.lanes)] *= 1000
        (backward,), (first_layer,) = self.plan.backward
        self.timed = {"forward": self.plan.forward[1], "backward": backward, "backward, first layer": first_layer}
        self.gradients = Gradients(self.net)
        hypers = step.rates.hypers
        self.checked = [call for row in self.plan.backward_calls(self.net, Rule.GRADIENT, hypers, self.gradients.states) for call in row]

    def calls(self):
        layer, lane_bytes = self.net.layers[1], self.plan.lanes * 4
        w = layer.weights
        sizes = {"forward": linear.FORWARD_BLOCKS, "backward": linear.BACKWARD_BLOCKS, "backward, first layer": linear.BACKWARD_BLOCKS}
        # rows of a tile that a pass works in
        self.blocks = {name: linear.block_rows(*w.shape, w.n_connections, lane_bytes, of) for name, of in sizes.items()}
        return {name: call.run for name, call in self.timed.items()}

    def errors(self):
        """By kernel, of one call of each."""
        self.timed["forward"].run()
        for call in self.checked:
            call.run()
        a, d, n = self.plan.activations, self.plan.gradients, self.batch
        first, second = (layer.weights for layer in self.net.layers)
        x, y, dx, dy = (untiled(t, n) for t in (a[1], a[2], d[0], d[1]))
        want_y = naive.forward(x, second.csr.toarray(), self.net.layers[1].bias)
        want_dx, _, dw, _ = naive.backward(x, dy, second.csr.toarray(), naive.RELU)
        rows = np.repeat(np.arange(second.shape[0]), np.diff(second.indptr))
        want = naive.backward(untiled(a[0], n), dx, first.csr.toarray())[2]
        rows_first = np.repeat(np.arange(first.shape[0]), np.diff(first.indptr))
        return {
            "forward": error(y, want_y),
            "backward": max(error(dx, want_dx), error(self.gradients.layers[1][0], dw[rows, second.indices])),
            "backward, first layer": error(self.gradients.layers[0][0], want[rows_first, first.indices]),
        }


def layer(args, n, density, batch):
    """The kernels of one layer, sgemm at its shape, the caches; rows."""
    case, threads = Layer(n, density, batch), sm.get_num_threads()
    lanes, tiles = case.plan.lanes, case.plan.tiles
    errors = case.errors()
    gemm, gemm_flops = roofline.sgemm(n, n, batch)
    calls = case.calls()
    readers = {f"read for {name}": roofline.reader(min(block, n) * lanes * 4, lanes, threads) for name, block in case.blocks.items()}
    with engine():
        reads = {name: read for name, (read, _) in readers.items()}
        seconds = in_turns({**calls, "sgemm": gemm, **reads}, repeats=args.repeats, turns=args.turns)
    times = {name: summary(values) for name, values in seconds.items()}
    sgemm = gemm_flops / times["sgemm"]["median"]
    rows = []
    for name, weights in (("forward", 1), ("backward", 1), ("backward, first layer", 0)):
        connections = case.net.layers[weights].weights.n_connections
        per = 4 if name == "backward" else 2
        flops = per * connections * lanes * tiles
        bandwidth = readers[f"read for {name}"][1] / times[f"read for {name}"]["median"]
        roof = per * lanes / (4 * lanes + 12) * bandwidth  # a row of lanes, a value, two indices or a momentum
        rate = per * connections * batch / times[name]["median"]
        rows.append({
            "kernel": name, "width": n, "density": density, "batch": batch, "lanes": lanes, "block": case.blocks[name],
            "connections": connections,
            "gflops": rate / 1e9, "sgemm_gflops": sgemm / 1e9, "roofline_gflops": roof / 1e9, "bandwidth": bandwidth,
            "of_roofline": flops / times[name]["median"] / roof, "error": errors[name], **times[name],
        })  # fmt: skip
    return rows


def elementwise(args, n=1024, batch=128, size=1 << 20):
    """Kernels that are counted by the element: nanoseconds each."""
    from sparsemlp.kernels import index, losses, tiles, update
    from sparsemlp.kernels.simd import WIDTH

    rng, nt, w = np.random.default_rng(0), sm.get_num_threads(), WIDTH[128]
    X, rows = rng.standard_normal((4 * batch, n), np.float32), rng.permutation(4 * batch)[:batch]
    x, offsets = np.empty((1, n, 128), np.float32), np.zeros((nt, 16), np.int64)
    z = np.ascontiguousarray(naive.to_tiles(5 * rng.standard_normal((batch, 10)), np.arange(batch), 128).astype(np.float32))
    dz, dbias, labels = np.empty_like(z), np.empty(10, np.float32), rng.integers(0, 10, batch)
    scale, scale_tiles, stats = np.full(batch, 1 / batch, np.float32), np.empty((1, 128), np.float32), np.zeros(2)
    p, g, state = rng.standard_normal(size, np.float32), rng.standard_normal(size, np.float32), np.zeros((2, size), np.float32)
    hyper = {"momentum": (2, 1e-9, 0.9, 0, 0, 0, 1, 1, 1, 0), "adam": (3, 1e-9, 0.9, 0.999, 1e-8, 0, 1, 10, 1000, 0)}
    hyper = {name: (h[0], np.array(h[1:], np.float32)) for name, h in hyper.items()}
    weights = sm.MLP([4096, 4096], topology=sm.Uniform(size / 4096**2), seed=0).layers[0].weights
    copies = [np.empty_like(a) for a in (weights.perm, weights.inputs, weights.out_ptr)]
    runs = {
        "to_tiles": (lambda: tiles.to_tiles(w, nt, WIDTH[16], X, rows, x, offsets), n * batch),
        "softmax_cross_entropy": (
            lambda: losses.softmax_cross_entropy(w, z, dz, dbias, labels, scale, scale_tiles, stats), 10 * batch),
        "transpose_index": (lambda: index.transpose_index(WIDTH[16], weights.indptr, weights.indices, *copies), weights.n_connections),
    }  # fmt: skip
    for name, (rule, h) in hyper.items():
        runs[f"update_all, {name}"] = partial(update.update_all, w, nt, p, g, state, rule, h), size
    with engine():
        found = in_turns({name: run for name, (run, _) in runs.items()}, repeats=args.repeats, turns=args.turns)
        errors = {"to_tiles": error(x, naive.to_tiles(X, rows, 128))}
        loss, want, _ = naive.softmax_cross_entropy(naive.from_tiles(z, batch).T, labels, scale)
        errors["softmax_cross_entropy"] = max(error(untiled(dz, batch), want), abs(stats[0] / loss - 1))
        same = (np.array_equal(a, b) for a, b in zip(copies, naive.transpose_index(weights.indptr, weights.indices, 4096), strict=True))
        errors["transpose_index"] = 0.0 if all(same) else np.inf
        names = ("lr", "momentum", "beta2", "eps", "l2", "decay", "scale1", "scale2", "nesterov")
        for name, (rule, h) in hyper.items():
            h[0], got, new = 0.1, p.copy(), np.abs(state)
            keywords = dict(zip(names, h.astype(float), strict=True))
            want, _ = naive.update(p.astype(float), g.astype(float), new.astype(float), rule, **keywords)
            update.update_all(w, nt, got, g, new, rule, h)
            errors[f"update_all, {name}"] = error(got, want)
    return [
        {"kernel": name, "elements": n, "error": errors[name], "ns": 1e9 * summary(found[name])["median"] / n, **summary(found[name])}
        for name, (_, n) in runs.items()
    ]


def caches(args):
    """GB/s to random rows of 512 bytes, by the working set of a thread, and the best sgemm."""
    sizes = [1 << k for k in (14, 15, 16, 17, 18, 19, 20, 21, 23, 25)]
    readers = {f"{size >> 10} KiB": roofline.reader(size, 128, sm.get_num_threads()) for size in sizes}
    gemm, flops = roofline.sgemm(2048, 2048, 2048)
    with engine():
        found = in_turns({name: run for name, (run, _) in readers.items()} | {"sgemm": gemm}, repeats=8, turns=4)
    rows = [{"row": name, "gbytes_per_second": n / summary(found[name])["median"] / 1e9} for name, (_, n) in readers.items()]
    return [*rows, {"row": "sgemm 2048", "gflops": flops / summary(found["sgemm"])["median"] / 1e9}]


def main():
    args = options(__doc__, "kernels")
    bound_threads(args.threads)
    sm.set_num_threads(args.threads)

    def piece(function, *arguments):
        environment = record.environment(args.threads)
        rows = function(args, *arguments)
        for row in rows:
            print(", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
        return {"environment": environment, "rows": rows}

    parts = {f"{n}x{n} {100 * d:g} % batch {b}": partial(piece, layer, n, d, b) for n, d, b in CASES}
    each_part(args, parts | {"by element": partial(piece, elementwise), "caches": partial(piece, caches)})


if __name__ == "__main__":
    main()
