"""The nets that `sparsemlp train` compares: sparse, the same dense, and a small dense one of as many parameters as the sparse one."""

from ..recipes import policy as recipe_policy
from ..recipes import topologies

ARMS = ("sparse", "dense", "small")
IMAGES = {"digits": (8, 8), "mnist": (28, 28), "fashion-mnist": (28, 28), "cifar10": (3, 32, 32)}
RATES = {"sgd": 0.05, "adam": 0.002, "adamw": 0.002, "rmsprop": 0.001}  # the highest of the recipe's
ONE_RATE = {"sgd": 0.03, "adam": 0.001, "adamw": 0.001, "rmsprop": 0.001}  # without a recipe, throughout


def small_sizes(sizes, n_parameters):
    """Widths of the dense net with as many hidden layers, narrowed alike, that comes next to so many parameters from below.

    At least one unit a layer, and never more units than `sizes`.

    Examples
    --------
    >>> small_sizes([784, 1000, 1000, 1000, 10], 128_690)
    [784, 123, 123, 123, 10]
    """

    def narrowed(k):
        return [sizes[0], *(max(1, width * k // widest) for width in sizes[1:-1]), sizes[-1]]

    def parameters(widths):
        return sum((a + 1) * b for a, b in zip(widths, widths[1:], strict=False))

    widest = max(sizes[1:-1], default=1)
    low, high = 0, widest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if parameters(narrowed(middle)) <= n_parameters else (low, middle - 1)
    return narrowed(low)


def recipe(args):
    """The recipe of the sparse net: by the data set, or None."""
    if args.recipe == "none" or args.density == 1:
        return None
    return "images" if args.dataset in IMAGES else "tabular"


def networks(arms, sizes, data, args):
    """The untrained net of each arm."""
    import sparsemlp as sm

    def net(widths, topology, data=None):
        return sm.MLP(widths, topology=topology, activation=args.activation, dropout=args.dropout, data=data, seed=args.seed)

    topology = sm.Dense() if args.density == 1 else sm.ErdosRenyi(epsilon=args.epsilon, density=args.density)
    taken, found = recipe(args), {}
    if taken is not None:
        topology = topologies(taken, sizes, topology, IMAGES.get(args.dataset))
    looks = isinstance(topology, list) and any(t.needs_data for t in topology)
    if "sparse" in arms or "small" in arms:
        found["sparse"] = net(sizes, topology, data if looks else None)
    if "dense" in arms:
        found["dense"] = net(sizes, sm.Dense())
    if "small" in arms:
        found["small"] = net(small_sizes(sizes, found["sparse"].n_parameters), sm.Dense())
    return {arm: found[arm] for arm in arms}


def trainer(arm, network, policy, n_rows, args):
    """The trainer of an arm: only connections that can move have a policy."""
    import sparsemlp as sm

    from ..recipes import decay

    kind = {"sgd": sm.SGD, "adam": sm.Adam, "adamw": sm.AdamW, "rmsprop": sm.RMSprop}[args.optimizer]
    settings = {"momentum": args.momentum} if args.optimizer == "sgd" else {}
    rate = args.lr
    if args.recipe == "auto":
        rate = sm.WarmupCosine(args.lr)
        settings |= {"nesterov": args.momentum > 0} if args.optimizer == "sgd" else {}
        settings["weight_decay"] = decay(n_rows)
    if arm != "sparse":
        policy = sm.Static()
    elif policy is None:
        policy = recipe_policy(recipe(args))
    return sm.Trainer(network, optimizer=kind(lr=rate, **settings), policy=policy)
