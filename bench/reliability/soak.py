"""Long runs of random nets against a masked dense NumPy reference: the same steps, the same topology changes, no drift, no leak.

The reference keeps full matrices and a mask, in float64. float64 nets it follows over whole runs; of float32 nets it takes over the
state before every step and is compared after it. Where a ReLU's sum is zero but for rounding, net and reference may fall on different
sides of it; the reference then takes the net's side, if the sum is within the rounding error of its terms (counted, with the largest
such sum), and counts it as an error if not. A whole run that rounding drove apart all the same is replayed step by step.
python bench/reliability/soak.py [--quick] [--json FILE] [--minutes 60] [--seed 0]
Pieces of different seeds: merge.py puts them together. --again FILE: judges the failed runs of an earlier piece anew.
"""

import collections
import gc
import json
import math
import time

import numpy as np
from common import Clock, commit, optimizers, options, policies, report, rss

FLAT = 24 * 2**20  # bytes that resident memory may grow after the first quarter of a piece
OVERFLOW = 1e37  # numbers above it may overflow in a float32 sum
LIMIT = {"float64": 1e-7, "float32": 2e-4, "replayed": 1e-10}  # relative errors
SIDE = {"float64": 1e-8, "float32": 64 * 2.0**-24}  # of the sum of |terms|: a ReLU's side below it is rounding; float64 drifts over a run
LEAK = 0.01  # slope of the leaky ReLU


def activate(name, z, above):
    if name in ("relu", "leaky_relu"):
        return np.where(above, z, z * (LEAK if name == "leaky_relu" else 0))
    if name == "tanh":
        return np.tanh(z)
    return 1 / (1 + np.exp(-z)) if name == "sigmoid" else z


def slope(name, y, above):
    if name in ("relu", "leaky_relu"):
        return np.where(above, 1.0, LEAK if name == "leaky_relu" else 0.0)
    if name == "tanh":
        return 1 - y * y
    return y * (1 - y) if name == "sigmoid" else np.ones_like(y)


class Reference:
    """A masked dense net in float64: softmax cross-entropy, no dropout."""

    def __init__(self, trainer):
        self.trainer, self.sides, self.largest_side = trainer, 0, 0.0
        self.load()

    def load(self):
        """Take over everything from the trainer's network."""
        self.layers = []
        for layer in self.trainer.network.layers:
            w = layer.weights
            at, stored = connections(w)
            mask = np.zeros(w.shape, bool)
            mask.flat[at] = True
            k = self.trainer.optimizer.n_state
            W, S = np.zeros(w.shape), np.zeros((k, *w.shape))
            W.flat[at] = w.data[stored]
            for s in range(w.state.shape[0]):
                S[s].flat[at] = w.state[s][stored]
            T = np.zeros((k, layer.n_out))
            if layer.bias_state.shape[0]:
                T[:] = layer.bias_state
            self.layers.append({"W": W, "S": S, "b": layer.bias.astype(np.float64), "T": T, "mask": mask, "f": layer.activation})

    def change(self, k, old_at, old):
        """Follow layer k's topology change: values that the policy drew or zeroed come from the net, all else stays as it is here."""
        ref, w = self.layers[k], self.trainer.network.layers[k].weights
        at, stored = connections(w)
        mask = np.zeros(w.shape, bool)
        mask.flat[at] = True
        had, now = np.zeros(w.shape), np.zeros(w.shape)
        had.flat[old_at] = old
        now.flat[at] = w.data[stored]
        touched = mask & (~ref["mask"] | (now != had))
        state_zero = np.zeros(w.shape, bool)
        if w.state.shape[0]:
            state_zero.flat[at] = (w.state[:, stored] == 0).all(axis=0)
        ref["W"][touched] = now[touched]
        ref["S"][:, touched & state_zero] = 0
        ref["W"][~mask] = 0
        ref["S"][:, ~mask] = 0
        ref["mask"] = mask

    def forward(self, X, outputs=None):
        """(inputs and the outputs of each layer, which sums count as above zero); `outputs`: those of the net, by layer."""
        ys, above = [X.astype(np.float64)], []
        for k, ref in enumerate(self.layers):
            z = ys[-1] @ ref["W"] + ref["b"]
            above_zero = (
                np.greater_equal if ref["f"] == "leaky_relu" else np.greater
            )  # at 0, where units without inputs begin: slope 1, not 0.01
            up = above_zero(z, 0)
            if outputs is not None and ref["f"] in ("relu", "leaky_relu"):
                differs = up != above_zero(outputs[k], 0)
                if differs.any():
                    rounding = np.abs(z) / (np.abs(ys[-1]) @ np.abs(ref["W"]) + np.abs(ref["b"]))
                    takes = differs & (rounding <= SIDE[self.trainer.network.dtype.name])
                    self.sides += int(takes.sum())
                    self.largest_side = max(self.largest_side, float(rounding[takes].max(initial=0)))
                    up ^= takes
            above.append(up)
            ys.append(activate(ref["f"], z, up))
        return ys, above

    def step(self, X, y, outputs, weights=None):
        """One optimizer step; the trainer's counters say which."""
        ys, above = self.forward(X, outputs)
        z = ys[-1] - ys[-1].max(axis=1, keepdims=True)
        total = np.exp(z).sum(axis=1, keepdims=True)
        p = np.exp(z) / total
        share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum() if weights.sum() else 0 * weights
        loss = share @ (np.log(total[:, 0]) - z[np.arange(len(y)), y])
        p[np.arange(len(y)), y] -= 1
        delta = p * share[:, None]
        for k in range(len(self.layers) - 1, -1, -1):
            ref = self.layers[k]
            gW, gb = ys[k].T @ delta * ref["mask"], delta.sum(axis=0)
            if k:
                delta = delta @ ref["W"].T * slope(self.layers[k - 1]["f"], ys[k], above[k - 1])
            factor = self.trainer.stepper.rates.factors[k]
            update(self.trainer, ref["W"], gW, ref["S"], self.trainer.step, decay=True, factor=factor)
            update(self.trainer, ref["b"], gb, ref["T"], self.trainer.step, decay=False)
        return loss

    def error(self):
        """The largest difference to the network, relative to the largest number of its layer."""
        worst = 0.0
        for ref, layer in zip(self.layers, self.trainer.network.layers, strict=True):
            w = layer.weights
            at, stored = connections(w)
            pairs = [(ref["W"].flat[at], w.data[stored]), (ref["b"], layer.bias)]
            pairs += [(ref["S"][s].flat[at], w.state[s][stored]) for s in range(w.state.shape[0])]
            for a, b in pairs:
                if a.size:
                    worst = max(worst, float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-3)))
        return worst


def update(trainer, w, g, s, step, *, decay, factor=1.0):
    """The optimizers, from their formulas; in place. The factor multiplies the rate and leaves lr times weight decay as it is."""
    o, name, lr = trainer.optimizer, type(trainer.optimizer).__name__, trainer.stepper.lr_now * factor
    wd = o.weight_decay / factor if decay else 0.0
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


def connections(w):
    """(flat positions of a layer's connections, where they are in `data`)."""
    return w.cells, w.slots


def draw(rng):
    """What one random run is made of."""
    import sparsemlp as sm

    sizes = [int(n) for n in rng.integers(2, [40, 90, 90, 8])][: rng.integers(2, 4)] + [int(rng.integers(2, 8))]
    kinds = [sm.Dense() if rng.random() < 0.3 else sm.Uniform(max(float(rng.random()), 0.2)) for _ in sizes[1:]]
    drawn = {"sizes": sizes, "kinds": kinds, "policy": pick(rng, policies()), "optimizer": pick(rng, optimizers())}
    drawn["activation"] = str(rng.choice(["relu", "leaky_relu", "tanh", "sigmoid"]))
    drawn["seed"] = int(rng.integers(2**31))
    n, drawn["batch"], drawn["epochs"] = int(rng.integers(5, 300)), int(rng.integers(1, 200)), int(rng.integers(2, 8))
    drawn["X"] = rng.standard_normal((n, sizes[0])).astype(np.float32)
    drawn["y"] = rng.integers(0, sizes[-1], n)
    drawn["weights"] = rng.integers(0, 3, n).astype(np.float64) + (np.arange(n) == 0) if rng.random() < 0.2 else None
    return drawn | {"dense_above": float(rng.choice([0.0, 0.5, 1.0])), "lr_scale": "density" if rng.random() < 0.5 else None}


def one_run(drawn, whole, stepwise=False):
    """One random net, policy and optimizer for some epochs, followed."""
    import sparsemlp as sm

    (policy_name, policy), (optimizer_name, optimizer) = drawn["policy"], drawn["optimizer"]
    if optimizer_name in ("Adam", "AdamW", "RMSprop"):  # near a gradient of zero their step is its sign: rounding would count fully
        optimizer = type(optimizer)(lr=optimizer.lr, eps=1e-3)
    more = {"dtype": "float64" if whole else "float32", "slope": LEAK, "seed": drawn["seed"]}
    net = sm.MLP(drawn["sizes"], drawn["kinds"], drawn["activation"], **more)
    X, y, batch, epochs = (drawn[name] for name in ("X", "y", "batch", "epochs"))
    more = {"dense_above": drawn["dense_above"], "lr_scale": drawn["lr_scale"]}
    trainer = sm.Trainer(net, optimizer, policy=policy, debug=True, **more)
    follower = Follow(trainer, X, y, whole and not stepwise, drawn["weights"])
    try:
        with np.errstate(over="ignore"):
            trainer.fit(X, y, epochs=epochs, batch_size=batch, shuffle=False, sample_weight=drawn["weights"])
    except FloatingPointError:
        if not follower.exploded:  # a fault of ours: the reference has no number that float32 could not hold
            follower.worst = np.inf
    except ValueError as error:  # SNIP says so of layers whose units are dead in its batches
        if "must leave every layer a connection" not in str(error) or trainer.step:
            raise
        follower.refused = True
    follower.names = policy_name, optimizer_name, drawn["activation"]
    follower.words = f"{', '.join(follower.names)}, {drawn['sizes']}, batch {batch} of {len(X)}, {epochs} epochs, {net.dtype}"
    return follower


def pick(rng, table):
    name = str(rng.choice(list(table)))
    return name, table[name]


class Follow:
    """Hooks the reference into a trainer's steps and changes."""

    def __init__(self, trainer, X, y, whole, weights=None):
        self.weights = weights
        self.trainer, self.X, self.y, self.whole = trainer, X, y, whole
        self.reference, self.worst, self.exploded = Reference(trainer), 0.0, False
        step = trainer.stepper
        self._train, self._forward, self._apply = step.train, step.forward, trainer.evolution.apply
        step.train, step.forward, trainer.evolution.apply = self.train, self.forward, self.apply
        self.changes, self.refused, self.outputs = 0, False, []

    def forward(self, batch):
        """The trainer's forward pass; keeps the layers' outputs, which backward may overwrite."""
        from sparsemlp.kernels.tiles import from_tiles

        loss, plan = self._forward(batch), batch.plan
        self.outputs = [np.empty((plan.n, tiles.shape[1]), tiles.dtype) for tiles in plan.activations[1:]]
        for tiles, out in zip(plan.activations[1:], self.outputs, strict=True):
            from_tiles(plan.context.w, tiles, out)
        return loss

    def train(self, batch, lr, store=None):
        """The trainer's step, and the reference's beside it."""
        rows = batch.rows
        if not self.whole:
            self.reference.load()
        try:
            loss = self._train(batch, lr, store)
        except FloatingPointError:
            self.exploded = bool(max(np.abs(a).max() for a in self.reference.forward(self.X[rows])[0]) > OVERFLOW)
            raise
        self.trainer.stepper.lr_now = lr
        want = self.reference.step(self.X[rows], self.y[rows], self.outputs, None if self.weights is None else self.weights[rows])
        self.worst = max(self.worst, self.reference.error(), abs(loss - want) / max(abs(want), 1e-3))
        return loss

    def apply(self, k, change, record):
        w = self.trainer.network.layers[k].weights
        at, stored = connections(w)
        old = w.data[stored].copy()
        self._apply(k, change, record)
        if change is not None:
            self.changes += bool(change.drop.size or change.grow.size or change.zero.size)
            self.reference.change(k, at, old)


def soak(args, seconds, only=None):
    """Runs until the time is over; what came of them. Or those with the numbers in `only`, of the same sequence."""
    rng, start = np.random.default_rng(args.seed), time.perf_counter()
    worst, counts, covered = {"float64": 0.0, "float32": 0.0, "replayed": 0.0}, collections.Counter(), collections.Counter()
    largest_side, failures, memory = {"float64": 0.0, "float32": 0.0}, [], []
    while (now := time.perf_counter() - start) < seconds and (only is None or counts["runs"] < max(only, default=0)):
        whole = bool(rng.integers(2))
        drawn, kind = draw(rng), "float64" if whole else "float32"
        counts["runs"] += 1
        if only is not None and counts["runs"] not in only:
            continue
        try:
            run = one_run(drawn, whole)
        except Exception as problem:
            failures.append(f"seed {args.seed}, run {counts['runs']}: {problem!r}")
            continue
        error = run.worst
        counts.update(epochs=run.trainer.epoch, changes=run.changes, steps=run.trainer.step)
        counts["exploded_as_the_reference"] += run.exploded
        counts["refused_with_a_reason"] += run.refused
        counts[f"relu_sides_{kind}"] += run.reference.sides
        largest_side[kind] = max(largest_side[kind], run.reference.largest_side)
        covered.update(run.names)
        if whole and not error < LIMIT[kind]:  # chaos, if each of its steps is right: a rounding error grew from step to step
            counts["chaotic_but_right_step_by_step"] += 1
            kind, error = "replayed", one_run(drawn, whole, stepwise=True).worst
        if error < LIMIT[kind]:
            worst[kind] = max(worst[kind], error)
        else:
            failures.append(f"seed {args.seed}, run {counts['runs']}: error {error:.3g}: {run.words}")
        del run
        if counts["runs"] % 10 == 0:
            gc.collect()
            memory.append((round(now), rss()))
    later = [m for t, m in memory if t > seconds / 4 and m is not None]
    growth = later[-1] - later[0] if len(later) > 1 else 0
    if growth > FLAT and not args.quick:
        failures.append(f"resident memory grew by {growth} bytes")
    numbers = {**dict.fromkeys(("exploded_as_the_reference", "refused_with_a_reason", "chaotic_but_right_step_by_step"), 0), **counts}
    numbers |= {"worst_relative_error": worst, "limits": LIMIT, "largest_relu_side": largest_side, "side_limits": SIDE}
    return {**numbers, "rss_growth_bytes": growth, "covered": dict(covered)}, memory, failures


def again(args):
    """The result in the file `args.again`, with its failed runs judged anew: for when the reference was wrong, not the library."""
    with open(args.again, encoding="utf-8") as file:
        earlier = json.load(file)
    args.seed = earlier["seed"]
    numbers = {int(words.split("run ")[1].split(":")[0]): words for words in earlier["failures"] if ", run " in words}
    found, _, failures = soak(args, math.inf, only=numbers)
    for kind, error in found["worst_relative_error"].items():
        earlier["worst_relative_error"][kind] = max(error, earlier["worst_relative_error"][kind])
    chaotic = "chaotic_but_right_step_by_step"
    earlier[chaotic] += found[chaotic] - sum(words.endswith("float64") for words in numbers.values())
    other = [words for words in earlier["failures"] if words not in numbers.values()]
    return earlier | {"runs_again": len(numbers), "failures": other + failures, "commit": f"{earlier['commit']}, again: {commit()}"}


def main():
    args = options(__doc__, minutes=60, again="")
    clock = Clock()
    if args.again:
        result = again(args)
        result["seconds"] += clock()
        report(args, "soak", not result["failures"], **{k: v for k, v in result.items() if k not in ("what", "ok", "quick", "seed")})
    numbers, memory, failures = soak(args, 5 if args.quick else 60 * args.minutes)
    memory = memory[:: max(1, len(memory) // 50)]
    report(args, "soak", not failures, **numbers, memory=memory, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
