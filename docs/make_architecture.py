"""Draws the figures of docs/architecture.md and docs/kernels.md: python docs/make_architecture.py [FOLDER]

The folder is this one if none is given. The names in the figures are written here: when one changes in the code, change it here too.
"""

import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

BLUE, GREEN, ORANGE, PURPLE, GREY = "#2f6db5", "#2e8b57", "#c9711a", "#7a4fa3", "#6b6b6b"
PALE = {BLUE: "#e4eefa", GREEN: "#e3f3ea", ORANGE: "#fbeedd", PURPLE: "#efe7f7", GREY: "#f1f1f1"}
MONO = "DejaVu Sans Mono"


def canvas(width, height, inches_per_unit=1.0):
    """Axes of width x height units, the origin at the top left, nothing drawn."""
    figure = plt.figure(figsize=(width * inches_per_unit, height * inches_per_unit))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.axis("off")
    return figure, ax


def box(ax, x, y, w, h, title, text="", color=GREY, number=None, size=8.2):
    """A box with a title in code letters, a line or two below it, and its number on the way."""
    ax.add_patch(FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0,rounding_size=0.07", fc=PALE[color], ec=color, lw=1.1, zorder=3))
    lines = title.count("\n") + 1
    middle = y + h / 2 if not text else y + 0.13 + 0.085 * lines
    ax.text(x + w / 2, middle, title, ha="center", va="center", family=MONO, size=size, weight="bold", zorder=4, linespacing=1.25)
    if text:
        ax.text(x + w / 2, y + h - 0.1, text, ha="center", va="bottom", size=size - 0.6, color="#333333", zorder=4, linespacing=1.25)
    if number:
        ax.text(
            x,
            y,
            str(number),
            ha="center",
            va="center",
            size=7.5,
            color="white",
            weight="bold",
            zorder=6,
            bbox={"boxstyle": "circle,pad=0.22", "fc": color, "ec": "white", "lw": 0.8},
        )


def arrow(ax, points, color, dashed=False, label=None, at=None, ha="left"):
    """A line through points with a head at its end."""
    for a, b in zip(points[:-2], points[1:-1], strict=True):
        ax.plot([a[0], b[0]], [a[1], b[1]], color=color, lw=1.5, ls="--" if dashed else "-", zorder=2, solid_capstyle="round")
    head = FancyArrowPatch(
        points[-2],
        points[-1],
        arrowstyle="-|>",
        mutation_scale=11,
        color=color,
        lw=1.5,
        ls="--" if dashed else "-",
        shrinkA=0,
        shrinkB=0,
        zorder=2,
    )
    ax.add_patch(head)
    if label:
        ax.text(*at, label, size=7.4, color=color, ha=ha, va="center", style="italic", zorder=5, linespacing=1.2)


def note(ax, x, y, text, color="#222222", size=8.0):
    """Lines of text around a point."""
    ax.text(x, y, text, size=size, color=color, ha="center", va="center", linespacing=1.3)


ROWS = [  # (what the row is called, what lies in it, height)
    ("your script", "commands/  estimators/\nprocedures/", 0.85),
    ("checkpoint/", "the file", 1.05),
    ("training/", "the loop", 1.05),
    ("policies/", "optimizers  losses\nschedules", 1.05),
    ("engine/", "a step without\nallocation", 1.2),
    ("models/", "the chain of layers", 0.8),
    ("layers/", "one kind a file", 1.05),
    ("weights/", "topology/ makes the first", 1.05),
    ("kernels/", "numba, arrays only", 1.2),
]
LEFT, LANE, GAP, TOP = 2.15, 3.55, 0.2, 0.95


def architecture():
    """How a batch, a Change, a learning rate and a checkpoint go through the folders: a row a folder, a lane each."""
    tops, y = [], TOP
    for _, _, h in ROWS:
        tops.append(y)
        y += h + 0.12
    width, height = LEFT + 4 * LANE + 0.15, y + 0.1
    figure, ax = canvas(width, height, 0.86)
    for k, (name, what, h) in enumerate(ROWS):
        ax.add_patch(Rectangle((0.1, tops[k]), width - 0.2, h, fc="#f7f7f5" if k % 2 else "#efefec", ec="none", zorder=0))
        ax.text(0.22, tops[k] + h / 2 - 0.2, name, family=MONO, size=10.5, weight="bold", va="center")
        ax.text(0.22, tops[k] + h / 2 + 0.16, what, size=7.8, color="#444444", va="center", linespacing=1.2)
    lanes = ["a batch\n(one step)", "a Change\n(one evolution)", "a learning rate\n(one step)", "a checkpoint"]
    colors = [BLUE, GREEN, ORANGE, PURPLE]
    xs = [LEFT + k * LANE for k in range(4)]
    for x, name, color in zip(xs, lanes, colors, strict=True):
        ax.text(x + LANE / 2, 0.48, name, ha="center", va="center", size=12.5, weight="bold", color=color, linespacing=1.15)
        if x > LEFT:
            ax.plot([x, x], [0.15, height - 0.2], color="white", lw=3, zorder=1)

    def at(lane, row, part, title, text="", number=None, pad=0.1):
        """A box in a row of a lane: all of it ("all"), or its left or right half."""
        x, w = xs[lane] + GAP, LANE - 2 * GAP
        if part != "all":
            x, w = (x, w / 2 - 0.09) if part == "left" else (x + w / 2 + 0.09, w / 2 - 0.09)
        y, h = tops[row] + pad, ROWS[row][2] - 2 * pad
        box(ax, x, y, w, h, title, text, colors[lane], number)
        return {"x": x + w / 2, "top": y, "bottom": y + h, "left": x, "right": x + w, "mid": y + h / 2}

    def down(a, b, color, x=None, **more):
        """From a box to one below it."""
        x = b["x"] if x is None else x
        arrow(ax, [(x, a["bottom"]), (x, b["top"])], color, **more)

    def up(a, b, x, color, **more):
        arrow(ax, [(x, a["top"]), (x, b["bottom"])], color, **more)

    _batch(at, down, up, colors[0])
    _change(ax, at, down, up, colors[1])
    _rate(ax, at, down, up, colors[2])
    _checkpoint(ax, at, down, up, colors[3])
    return figure


def _batch(at, down, up, c):
    user = at(0, 0, "all", "trainer.fit(X, y)")
    loop = at(0, 2, "all", "train_epoch", "epoch.py: which samples come next;\nloss and accuracy into the history", 1)
    plan = at(0, 4, "left", "Step.batch", "step.py, plan.py:\nbuffers and calls,\nbuilt once", 2)
    run = at(0, 4, "right", "Step.train", "step.py: fills the\ninput, runs the\ncalls in order", 4)
    net = at(0, 5, "left", "network.layers")
    layer = at(0, 6, "left", "layer.forward\nlayer.backward", "answer Calls", 3)
    weights = at(0, 7, "left", "SparseWeights", "arrays shared,\nnot copied")
    kernels = at(0, 8, "all", "to_tiles  forward  loss\nbackward + update", "tiles.py  forward.py  losses.py  backward.py", 5)
    down(user, loop, c)
    down(loop, plan, c)
    down(loop, run, c, x=run["x"] - 0.35)
    for a, b in ((plan, net), (net, layer), (layer, weights), (weights, kernels)):
        down(a, b, c, dashed=True, x=plan["x"])
    down(run, kernels, c, x=run["x"] - 0.35, label="each step", at=(run["x"] - 0.27, (run["bottom"] + kernels["top"]) / 2))
    up(kernels, run, run["x"] + 0.45, c, label="loss", at=(run["x"] + 0.4, (run["bottom"] + kernels["top"]) / 2 + 0.35), ha="right")
    up(run, loop, run["x"] + 0.45, c)


def _change(ax, at, down, up, c):
    user = at(1, 0, "all", "sm.Trainer(policy=sm.SET(0.3))")
    show = at(1, 2, "left", "Evolution.change", "evolution.py:\nshows a LayerView", 1)
    apply = at(1, 2, "right", "Evolution.apply", "kept gradients\nmove along", 3)
    policy = at(1, 3, "all", "policy.between_epochs(view, ...)", "set.py, select.py: drop these slots,\ngrow these cells", 2)
    plan = at(1, 4, "left", "Plan.fits", "no: a new plan,\nRates.refresh", 6)
    change = at(
        1, 7, "all", "apply_change(weights, change)", "change.py: checks all, then rewrites all;\ndense_change.py: the same on a mask", 4
    )
    kernels = at(1, 8, "all", "find_fault  rewrite\ntranspose_index", "rewrite.py, index.py: O(connections)", 5)
    down(user, show, c)
    down(show, policy, c, x=show["x"])
    up(policy, apply, apply["x"] - 0.3, c, label="Change", at=(apply["x"] - 0.38, apply["bottom"] + 0.16), ha="right")
    x = apply["right"] + 0.1
    arrow(ax, [(apply["right"], apply["mid"]), (x, apply["mid"]), (x, change["mid"]), (change["right"], change["mid"])], c)
    down(change, kernels, c, x=change["x"])
    up(change, plan, plan["x"], c, label="version + 1", at=(plan["x"] + 0.08, (plan["bottom"] + change["top"]) / 2))


def _rate(ax, at, down, up, c):
    user = at(2, 0, "all", "sm.SGD(lr=0.1)")
    rate = at(2, 2, "all", "Trainer.rate(epoch)", "trainer.py: a number, or the schedule's\nat this moment; checked", 1)
    hyper = at(2, 3, "right", "optimizer\n.hyper(lr, t)", "nine numbers", 3)
    rates = at(
        2,
        4,
        "all",
        "Rates.set(optimizer, lr, t)",
        "rates.py: float[9] by parameter; lr / sqrt(density)\nfor sparse connections, no decay for biases",
        2,
    )
    layer = at(
        2, 6, "all", "Sink.hypers", "base.py: the arrays themselves are arguments\nof the prebuilt call, so writing them is enough", 4
    )
    kernels = at(
        2,
        8,
        "all",
        "update(p, g, state, rule, h)",
        "update.py: h[LR], h[MOMENTUM], ..., by the\nplaces of codes.Hyper, which Python\nand kernels share",
        5,
    )
    down(user, rate, c)
    down(rate, rates, c, x=rate["x"] - 0.75, label="lr, step", at=(rate["x"] - 0.67, hyper["mid"] - 0.2))
    arrow(ax, [(hyper["x"], rates["top"]), (hyper["x"], hyper["bottom"])], c)
    arrow(ax, [(hyper["x"] + 0.3, hyper["bottom"]), (hyper["x"] + 0.3, rates["top"])], c)
    down(rates, layer, c)
    down(layer, kernels, c)


def _checkpoint(ax, at, down, up, c):
    user = at(3, 0, "all", "sm.save(path, trainer)")
    model = at(3, 1, "left", "model.save", "model.py: asks\nall of them", 1)
    disk = at(3, 1, "right", "Writer.write", "container.py, then\nfiles.replacing", 3)
    asked = [
        at(3, 2, "all", "Trainer", "counters, history, policy states, settings"),
        at(3, 3, "all", "encode(policy), encode(optimizer)", "settings_json.py: class name and fields;\nno code, no pickle"),
        at(3, 5, "all", "network", "class, output, seed, labels", pad=0.07),
        at(3, 6, "all", "layer.to_dict()", "each layer says what it is made of"),
        at(3, 7, "all", "weights.to_dict()", "indptr, indices, data, state", 2),
    ]
    down(user, model, c)
    down(model, asked[0], c, x=model["x"])
    for a, b in zip(asked[:-1], asked[1:], strict=True):
        down(a, b, c, x=model["x"])
    x = asked[0]["right"] + 0.1
    for a in asked:
        arrow(ax, [(a["right"], a["mid"]), (x, a["mid"]), (x, disk["mid"]), (disk["right"], disk["mid"])], c)
    ax.text(
        x - 0.06,
        (asked[1]["bottom"] + asked[2]["top"]) / 2,
        "JSON; arrays by Writer.put",
        size=7.4,
        color=c,
        ha="right",
        va="center",
        style="italic",
    )
    back = "sm.load goes the same way back, and from_dict\nchecks every index before a kernel sees it.\n"
    draws = "No generator's state is saved: draws\ncome from (seed, purpose, counters)"
    note(ax, asked[-1]["x"], asked[-1]["bottom"] + 0.75, back + draws, c, size=7.8)


def tiles():
    """A batch of rows becomes feature-major tiles; what one connection does to them."""
    figure, ax = canvas(12.1, 3.7, 0.85)
    ax.text(1.35, 0.3, "X: 150 samples in rows", ha="center", size=10, weight="bold")
    for k, (n, color) in enumerate(((64, BLUE), (64, GREEN), (22, ORANGE))):
        ax.add_patch(Rectangle((0.5, 0.55 + k * 1.0), 1.7, 1.0 if n == 64 else 0.36, fc=PALE[color], ec=color))
        ax.text(1.35, 0.55 + k * 1.0 + (0.5 if n == 64 else 0.18), f"{n} samples", ha="center", va="center", size=8.5, color=color)
    ax.text(1.35, 3.17, "n_in features", ha="center", size=8)
    arrow(ax, [(2.35, 1.5), (3.2, 1.5)], GREY, label="to_tiles,\nonce a step", at=(2.78, 1.06), ha="center")
    ax.text(5.1, 0.3, "x[tile, unit, lane]: one row a unit", ha="center", size=10, weight="bold")
    for k, color in enumerate((BLUE, GREEN, ORANGE)):
        x0 = 3.4 + k * 1.2
        ax.add_patch(Rectangle((x0, 0.55), 1.05, 2.4, fc=PALE[color], ec=color))
        if k == 2:
            ax.add_patch(Rectangle((x0 + 1.05 * 22 / 64, 0.55), 1.05 * 42 / 64, 2.4, fc="white", ec=color, hatch="///", lw=0.6, alpha=0.7))
        ax.text(x0 + 0.52, 3.17, f"tile {k}: 64 lanes", ha="center", size=8)
        ax.add_patch(Rectangle((x0, 1.25), 1.05, 0.13, fc=color, ec="none", alpha=0.85))
    ax.text(6.28, 3.42, "hatched: zeros beyond the batch", ha="center", size=7.5, color=GREY)
    ax.text(3.34, 1.31, "i", ha="right", va="center", size=9, family=MONO)
    ax.text(9.35, 0.3, "a connection (i, j) of weight w", ha="center", size=10, weight="bold")
    for y, color, label in (
        (0.85, BLUE, "x[tile, i, :]"),
        (1.75, GREY, "sum of unit j, in registers"),
        (2.65, PURPLE, "y[tile, j, :], stored once"),
    ):
        ax.add_patch(Rectangle((7.75, y), 3.2, 0.24, fc=color, ec="none", alpha=0.85))
        for q in range(1, 16):
            ax.plot([7.75 + q * 0.2] * 2, [y, y + 0.24], color="white", lw=0.6)
        ax.text(7.75, y - 0.09, label, size=8, family=MONO, color=color, va="bottom")
    arrow(ax, [(9.9, 1.12), (9.9, 1.72)], BLUE, label="times w, added", at=(10.0, 1.35))
    arrow(ax, [(9.9, 2.02), (9.9, 2.62)], GREY, label="after the last connection:\nactivation, dropout", at=(10.0, 2.32), ha="left")
    return figure


def claims():
    """Forward: items (tile, chunk) in a queue a thread; and a pass over them for each block of rows."""
    figure, ax = canvas(11.6, 4.3, 0.85)
    ax.text(2.95, 0.3, "items: tile x chunk of output units", ha="center", size=10, weight="bold")
    colors = (BLUE, BLUE, GREEN, GREEN)
    for tile in range(4):
        for chunk in range(6):
            color = colors[tile]
            stolen = (tile, chunk) == (1, 5)
            ax.add_patch(
                Rectangle(
                    (0.95 + chunk * 0.68, 0.6 + tile * 0.5), 0.62, 0.42, fc=PALE[color], ec=color, lw=1.1, hatch="//" if stolen else None
                )
            )
            ax.text(
                1.26 + chunk * 0.68,
                0.81 + tile * 0.5,
                str(6 * tile + chunk),
                ha="center",
                va="center",
                size=8,
                bbox={"boxstyle": "round,pad=0.1", "fc": PALE[color], "ec": "none"},
            )
        ax.text(0.85, 0.81 + tile * 0.5, f"tile {tile}", ha="right", va="center", size=8)
    ax.text(2.95, 2.82, "chunks of about equal numbers of connections", ha="center", size=8)
    for k, (color, text) in enumerate(
        ((BLUE, "queue 0, thread 0 first:\nticket[0] counts up"), (GREEN, "queue 1, thread 1 first:\nticket[1] counts up"))
    ):
        ax.add_patch(Rectangle((0.95 + 2.1 * k, 3.1), 0.2, 0.3, fc=PALE[color], ec=color))
        ax.text(1.25 + 2.1 * k, 3.25, text, size=8, va="center", linespacing=1.2)
    ax.add_patch(Rectangle((0.95, 3.62), 0.2, 0.3, fc=PALE[BLUE], ec=BLUE, hatch="//"))
    ax.text(1.25, 3.77, "thread 1 has emptied its queue: it claims from queue 0", size=8, va="center")
    ax.text(8.45, 0.3, "a wide layer: blocks of rows, a pass each", ha="center", size=10, weight="bold")
    ax.text(6.0, 0.74, "unit j's inputs, ascending", size=8)
    bounds = [6.0, 7.75, 9.5, 10.9]
    for q in range(3):
        color = (BLUE, ORANGE, PURPLE)[q]
        ax.add_patch(Rectangle((bounds[q], 0.85), bounds[q + 1] - bounds[q], 0.35, fc=PALE[color], ec=color))
        ax.text((bounds[q] + bounds[q + 1]) / 2, 1.42, f"block {q}", ha="center", size=8.5, color=color, va="center")
        ax.text(bounds[q], 1.68, f"ptr[{q}, j]", ha="center", size=7.6, family=MONO, va="center")
    ax.text(bounds[3], 1.68, "ptr[3, j]", ha="center", size=7.6, family=MONO, va="center")
    for x in (6.2, 6.5, 7.1, 7.4, 8.0, 8.6, 8.8, 9.3, 9.7, 10.1, 10.7):
        ax.add_patch(Rectangle((x - 0.04, 0.92), 0.08, 0.21, fc="#444444", ec="none"))
    passes = (
        ("pass 0: block 0 of items 0, 1, 2, ...", BLUE),
        ("pass 1: block 1 of the same items", ORANGE),
        ("pass 2: block 2, then activation", PURPLE),
    )
    for q, (text, color) in enumerate(passes):
        y = 2.1 + 0.5 * q
        ax.add_patch(Rectangle((6.0, y), 4.9, 0.36, fc=PALE[color], ec=color))
        ax.text(8.45, y + 0.18, text, ha="center", va="center", size=8.5)
    order = "One queue holds its items' passes one after another: pass 1 of an item was\n"
    note(ax, 8.45, 3.83, order + "claimed after its pass 0, so who waits for it waits for a running thread.")
    return figure


def backward():
    """Groups of tiles, parts of the layer, and the slots where a chunk's dw waits for the other group."""
    figure, ax = canvas(12.3, 4.35, 0.85)
    ax.text(2.2, 0.3, "queues: group of tiles x part of the layer", ha="center", size=10, weight="bold")
    for g, color in enumerate((BLUE, GREEN)):
        y = 0.65 + 1.75 * g
        ax.text(0.3, y + 0.6, f"group {g}\n(tiles {'0, 1' if g == 0 else '2, 3'})", size=8.5, color=color, va="center", linespacing=1.25)
        for part in range(2):
            ax.add_patch(Rectangle((1.4, y + 0.66 * part), 2.7, 0.55, fc=PALE[color], ec=color))
            ax.text(1.48, y + 0.66 * part + 0.14, f"part {part}", size=7.5, va="center", color=color)
            for c in range(5):
                ax.add_patch(Rectangle((1.5 + 0.51 * c, y + 0.66 * part + 0.24), 0.45, 0.25, fc="white", ec=color))
                ax.text(1.72 + 0.51 * c, y + 0.66 * part + 0.37, f"c{5 * part + c}", ha="center", va="center", size=7)
    ax.text(2.75, 4.05, "chunks of input units; a thread begins with its own queue", ha="center", size=8)
    ax.text(6.35, 0.3, "slots of part 0: chunk u goes to slot u mod 4", ha="center", size=10, weight="bold")
    for g, color in enumerate((BLUE, GREEN)):
        y = 0.85 + 1.75 * g
        arrow(ax, [(4.1, y + 0.1), (5.0, y + 0.1)], color, label="dw, sums\nof dX", at=(4.55, y + 0.42), ha="center")
        for slot in range(4):
            full = slot < 3 if g == 0 else slot < 1
            ax.add_patch(Rectangle((5.05 + 0.68 * slot, y - 0.1), 0.6, 0.5, fc=PALE[color] if full else "white", ec=color))
            ax.text(
                5.35 + 0.68 * slot,
                y + 0.15,
                f"c{slot}" if full else "free",
                ha="center",
                va="center",
                size=8,
                color="#222222" if full else GREY,
            )
    ax.text(6.35, 1.85, "group 0 is ahead: at most by 4 chunks", ha="center", size=8, va="center")
    ax.text(6.35, 3.4, "group 1 brings c0 last: its thread finishes c0", ha="center", size=8, va="center")
    ax.text(10.3, 0.3, "the last one to arrive", ha="center", size=10, weight="bold")
    steps = (
        ("1  add the slots in the order of the groups", GREY),
        ("2  bias sums of the layer below", GREY),
        ("3  update(): the optimizer's rule, at once", ORANGE),
        ("4  free the slots", GREY),
    )
    for k, (text, color) in enumerate(steps):
        ax.add_patch(
            FancyBboxPatch((8.6, 0.75 + 0.62 * k), 3.45, 0.42, boxstyle="round,pad=0,rounding_size=0.06", fc=PALE[color], ec=color)
        )
        ax.text(8.74, 0.96 + 0.62 * k, text, size=8.4, va="center")
    arrow(ax, [(7.72, 1.0), (8.57, 1.0)], BLUE)
    arrow(ax, [(7.72, 2.75), (8.15, 2.75), (8.15, 1.1), (8.57, 1.1)], GREEN)
    note(ax, 10.3, 3.65, "dW never exists as a whole: a chunk's part of it lives\nin a slot until its weights are updated.", size=8.3)
    return figure


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    figures = {"architecture": architecture, "kernels_tiles": tiles, "kernels_claims": claims, "kernels_backward": backward}
    for name, draw in figures.items():
        drawn = draw()
        drawn.savefig(folder / f"{name}.png", dpi=125, metadata={"Software": None})
        plt.close(drawn)
