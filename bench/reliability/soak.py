"""Long runs of random nets against a masked dense NumPy reference: the same steps, the same topology changes, no drift, no leak.

The reference keeps full matrices and a mask. In float64 it follows whole runs; in float32 it is set to the net's state before every
step and compared after it. python bench/reliability/soak.py [--quick] [--json FILE] [--minutes 60]
"""

import gc
import time

import numpy as np
from common import Clock, optimizers, options, policies, report, rss

FLAT = 24 * 2**20  # bytes that resident memory may grow after the first quarter of the soak
OVERFLOW = 1e37  # numbers above it may overflow in a float32 sum


def activate(name, z):
    if name == "relu":
        return np.maximum(z, 0)
    if name == "tanh":
        return np.tanh(z)
    return 1 / (1 + np.exp(-z)) if name == "sigmoid" else z


def slope(name, y):
    if name == "relu":
        return (y > 0).astype(np.float64)
    if name == "tanh":
        return 1 - y * y
    return y * (1 - y) if name == "sigmoid" else np.ones_like(y)


class Reference:
    """A masked dense net in float64: softmax cross-entropy, no dropout."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.load()

    def load(self):
        """Take over everything from the trainer's network."""
        self.layers = []
        for layer in self.trainer.network.layers:
            w = layer.weights
            at = positions(w)
            mask = np.zeros(w.shape, bool)
            mask.flat[at] = True
            k = self.trainer.optimizer.n_state
            W, S = np.zeros(w.shape), np.zeros((k, *w.shape))
            W.flat[at] = w.data
            for s in range(w.state.shape[0]):
                S[s].flat[at] = w.state[s]
            T = np.zeros((k, layer.n_out))
            if layer.bias_state.shape[0]:
                T[:] = layer.bias_state
            self.layers.append({"W": W, "S": S, "b": layer.bias.astype(np.float64), "T": T, "mask": mask, "f": layer.activation})

    def change(self, before):
        """Follow a topology change: values that the trainer's policy drew or zeroed come from it, all else stays as it is here."""
        for ref, layer, (old_at, old) in zip(self.layers, self.trainer.network.layers, before, strict=True):
            w = layer.weights
            at = positions(w)
            mask = np.zeros(w.shape, bool)
            mask.flat[at] = True
            had = np.zeros(w.shape)
            had.flat[old_at] = old
            now = np.zeros(w.shape)
            now.flat[at] = w.data
            touched = mask & (~ref["mask"] | (now != had))
            state_zero = np.zeros(w.shape, bool)
            if w.state.shape[0]:
                state_zero.flat[at] = (w.state == 0).all(axis=0)
            ref["W"][touched] = now[touched]
            ref["S"][:, touched & state_zero] = 0
            ref["W"][~mask] = 0
            ref["S"][:, ~mask] = 0
            ref["mask"] = mask

    def forward(self, X):
        """Inputs and the outputs of each layer."""
        ys = [X.astype(np.float64)]
        for ref in self.layers:
            ys.append(activate(ref["f"], ys[-1] @ ref["W"] + ref["b"]))
        return ys

    def step(self, X, y):
        """One optimizer step; the trainer's counters say which."""
        ys = self.forward(X)
        z = ys[-1] - ys[-1].max(axis=1, keepdims=True)
        total = np.exp(z).sum(axis=1, keepdims=True)
        p = np.exp(z) / total
        most = 87 if self.trainer.network.dtype == np.float32 else 708  # the kernel's exp ends there, so a sample's loss does too
        loss = np.minimum(np.log(total[:, 0]) - z[np.arange(len(y)), y], most).mean()
        p[np.arange(len(y)), y] -= 1
        delta = p / len(y)
        for k in range(len(self.layers) - 1, -1, -1):
            ref = self.layers[k]
            gW, gb = ys[k].T @ delta * ref["mask"], delta.sum(axis=0)
            if k:
                delta = delta @ ref["W"].T * slope(self.layers[k - 1]["f"], ys[k])
            update(self.trainer, ref["W"], gW, ref["S"], self.trainer.step, decay=True)
            update(self.trainer, ref["b"], gb, ref["T"], self.trainer.step, decay=False)
        return loss

    def error(self):
        """The largest difference to the network, relative to the largest number of its layer."""
        worst = 0.0
        for ref, layer in zip(self.layers, self.trainer.network.layers, strict=True):
            w = layer.weights
            at = positions(w)
            pairs = [(ref["W"].flat[at], w.data), (ref["b"], layer.bias)]
            pairs += [(ref["S"][s].flat[at], w.state[s]) for s in range(w.state.shape[0])]
            for a, b in pairs:
                if a.size:
                    worst = max(worst, float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-3)))
        return worst


def update(trainer, w, g, s, step, *, decay):
    """The optimizers, from their formulas; in place."""
    o, name, lr = trainer.optimizer, type(trainer.optimizer).__name__, trainer.rate
    wd = o.weight_decay if decay else 0.0
    if name == "SGD":
        g = g + wd * w
        if not o.momentum:
            w -= lr * g
            return
        s[0] = o.momentum * s[0] + g
        w -= lr * (g + o.momentum * s[0] if o.nesterov else s[0])
        return
    if name == "RMSprop":
        g = g + wd * w
        s[0] = o.rho * s[0] + (1 - o.rho) * g * g
        w -= lr * g / (np.sqrt(s[0]) + o.eps)
        return
    b1, b2 = o.betas
    if name == "AdamW":
        w *= 1 - lr * wd
    else:
        g = g + wd * w
    s[0] = b1 * s[0] + (1 - b1) * g
    s[1] = b2 * s[1] + (1 - b2) * g * g
    w -= lr * (s[0] / (1 - b1**step)) / (np.sqrt(s[1] / (1 - b2**step)) + o.eps)


def positions(w):
    """Flat positions of a layer's connections."""
    if w.is_dense:
        return np.arange(w.data.size)
    return np.repeat(np.arange(w.shape[0], dtype=np.int64), np.diff(w.indptr)) * w.shape[1] + w.indices


def one_run(rng, whole, stepwise=False):
    """One random net, policy and optimizer for some epochs; (largest error, epochs, steps, whether it exploded, words)."""
    import sparsemlp as sm

    sizes = [int(n) for n in rng.integers(2, [40, 90, 90, 8])][: rng.integers(2, 4)] + [int(rng.integers(2, 8))]
    kinds = [sm.Dense() if rng.random() < 0.15 else sm.Uniform(max(float(rng.random()), 0.2)) for _ in sizes[1:]]
    policy_name, policy = pick(rng, policies())
    optimizer_name, optimizer = pick(rng, optimizers())
    activation = str(rng.choice(["tanh", "sigmoid"] if whole else ["relu", "tanh", "sigmoid"]))
    # A whole run is followed with smooth units: a ReLU turns a rounding error into another branch
    if optimizer_name in ("Adam", "AdamW", "RMSprop"):  # near a gradient of zero their step is its sign: rounding would count fully
        optimizer = type(optimizer)(lr=optimizer.lr, eps=1e-3)
    net = sm.MLP(sizes, kinds, activation, dtype="float64" if whole else "float32", seed=int(rng.integers(2**31)))
    n, batch, epochs = int(rng.integers(5, 300)), int(rng.integers(1, 200)), int(rng.integers(2, 8))
    X = rng.standard_normal((n, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], n)
    trainer = sm.Trainer(net, optimizer, policy=policy, debug=True)
    follower = Follow(trainer, X, y, batch, whole and not stepwise)
    try:
        with np.errstate(over="ignore"):
            trainer.fit(X, y, epochs=epochs, batch_size=batch, shuffle=False)
    except FloatingPointError:
        if not follower.exploded:  # a fault of ours: the reference has no number that float32 could not hold
            follower.worst = np.inf
    words = f"{policy_name}, {optimizer_name}, {activation}, {sizes}, batch {batch} of {n}, {epochs} epochs, {net.dtype}"
    return follower.worst, trainer.epoch, trainer.step, follower.exploded, words


def pick(rng, table):
    name = str(rng.choice(list(table)))
    return name, table[name]


class Follow:
    """Hooks the reference into a trainer's steps and changes."""

    def __init__(self, trainer, X, y, batch, whole):
        self.trainer, self.X, self.y, self.batch, self.whole = trainer, X, y, batch, whole
        self.reference, self.worst, self.exploded = Reference(trainer), 0.0, False
        self._step, self._evolve = trainer._run_step, trainer.evolution.change
        trainer._run_step, trainer.evolution.change = self.step, self.change

    def step(self, plan, source, rows, values, weights, lr):
        if not self.whole:
            self.reference.load()
        try:
            loss = self._step(plan, source, rows, values, weights, lr)
        except FloatingPointError:
            self.exploded = max(np.abs(a).max() for a in self.reference.forward(self.X[rows])) > OVERFLOW
            raise
        self.trainer.rate = lr
        want = self.reference.step(self.X[rows], self.y[rows])
        self.worst = max(self.worst, self.reference.error(), abs(loss - want) / max(abs(want), 1e-3))
        return loss

    def change(self, k, *args):
        before = [(positions(layer.weights), layer.weights.data.copy()) for layer in self.trainer.network.layers]
        change = self._evolve(k, *args)
        self.reference.change(before)
        return change


def main():
    args = options(__doc__, minutes=60)
    clock, rng = Clock(), np.random.default_rng(args.seed)
    seconds = 12 if args.quick else 60 * args.minutes
    chaotic = 0
    start, failures, worst, counts, memory = time.perf_counter(), [], {"float64": 0.0, "float32": 0.0}, np.zeros(4, np.int64), []
    while (now := time.perf_counter() - start) < seconds:
        whole = bool(rng.integers(2))
        before = rng.bit_generator.state
        error, epochs, steps, exploded, words = one_run(rng, whole)
        dtype, limit = ("float64", 1e-7) if whole else ("float32", 2e-4)
        worst[dtype] = max(worst[dtype], error if error < limit else 0.0)
        counts += (1, max(0, epochs - 1), steps, exploded)
        if whole and not error < limit:  # chaos, if each of its steps is right: a rounding error grew from step to step
            again = np.random.default_rng()
            again.bit_generator.state = before
            chaotic += 1
            error, limit = one_run(again, whole, stepwise=True)[0], 1e-10
        if not error < limit:
            failures.append(f"run {counts[0]}: error {error:.3g}: {words}")
        if counts[0] % 10 == 0:
            gc.collect()
            memory.append((round(now), rss()))
    later = [m for t, m in memory if t > seconds / 4 and m is not None]
    growth = later[-1] - later[0] if len(later) > 1 else 0
    if growth > FLAT and not args.quick:
        failures.append(f"resident memory grew by {growth} bytes")
    runs, evolutions, steps, exploded = counts.tolist()
    numbers = {"runs": runs, "evolutions": evolutions, "steps": steps, "exploded_as_the_reference": exploded}
    numbers |= {"chaotic_but_right_step_by_step": chaotic, "worst_relative_error": worst, "rss_growth_bytes": growth}
    memory = memory[:: max(1, len(memory) // 50)]
    report(args, "soak", not failures and runs > 0, **numbers, memory=memory, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
