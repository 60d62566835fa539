"""Trains one net on one split: this package, PyTorch, scikit-learn. Each returns what a line of the results holds."""

import time
import warnings

import numpy as np

import sparsemlp as sm

MOMENTUM = 0.9
warnings.filterwarnings("ignore", category=sm.errors.ConnectivityWarning)  # a topology may leave inputs out on purpose


def ours(
    split, sizes, topology, seed, *, epochs, lr, decay, batch, augment=False, lr_scale="density", policy=None, constant=False, dropout=0.0
):
    """SGD with Nesterov momentum, 5 % warm-up, cosine to 0; `constant`: without the two."""
    layers = topology if isinstance(topology, list) else [topology]
    start = time.perf_counter()
    data = (split.X, split.y) if any(t.needs_data for t in layers) else None
    net = sm.MLP(sizes, topology=topology, dropout=dropout, data=data, seed=seed)
    build = time.perf_counter() - start
    optimizer = sm.SGD(lr=lr if constant else sm.WarmupCosine(lr), momentum=MOMENTUM, nesterov=not constant, weight_decay=decay)
    trainer = sm.Trainer(net, optimizer, policy=policy, lr_scale=lr_scale)
    how = None
    if augment:
        how = sm.datasets.Augmentation(split.image_shape, rotation=0, shift=1 / split.image_shape[-1], flip=split.flip)
    try:
        history = trainer.fit(split.X, split.y, epochs, batch, validation_data=(split.X_test, split.y_test), augment=how)
    except sm.NonFiniteError:
        return {"accuracy": None, "parameters": net.n_parameters}
    seconds = np.cumsum([record["seconds"] + record["evolution_seconds"] for record in history.records])
    return line(history["val_accuracy"], net.n_parameters, seconds, build, history["accuracy"][-1])


def line(accuracies, parameters, seconds, build=0.0, training=None):
    """One run: accuracies in percent, by epoch with the seconds of training until then."""
    found = {"accuracy": round(100 * accuracies[-1], 3), "parameters": parameters, "build": round(build, 3)}
    found["curve"] = [[round(float(s), 3), round(100 * a, 2)] for s, a in zip(seconds, accuracies, strict=True)]
    return found if training is None else {**found, "training": round(100 * training, 2)}


def estimator(split, seed, hidden, density, **settings):
    """The package's scikit-learn classifier, with its defaults but for `settings`."""
    if settings.get("recipe", "auto") in ("auto", "images") and density < 1:
        settings["image_shape"] = split.image_shape
    model = sm.SparseMLPClassifier(tuple(hidden), density, random_state=seed, **settings)
    start = time.perf_counter()
    model.fit(split.X, split.y)
    seconds = time.perf_counter() - start
    found = line([model.score(split.X_test, split.y_test)], model.network_.n_parameters, [seconds])
    return {**found, "recipe": model.recipe_}


def torch_dense(split, sizes, seed, *, epochs, lr, decay, batch, threads):
    """The same net, loss, optimizer, schedule and order of work in PyTorch; He's initialization as in ours."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    layers = []
    for k, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        linear = torch.nn.Linear(a, b)
        last = k == len(sizes) - 2
        torch.nn.init.normal_(linear.weight, std=(2 / (a + b) if last else 2 / a) ** 0.5)
        torch.nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers)
    weights = [p for p in net.parameters() if p.ndim == 2]
    groups = [{"params": weights, "weight_decay": decay}, {"params": [p for p in net.parameters() if p.ndim == 1]}]
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=MOMENTUM, nesterov=True)
    X, y, X_test = torch.from_numpy(split.X), torch.from_numpy(split.y.astype(np.int64)), torch.from_numpy(split.X_test)
    schedule, n_steps = sm.WarmupCosine(lr), -(-len(X) // batch)
    seconds, accuracies, total = [], [], 0.0
    for epoch in range(epochs):
        start = time.perf_counter()
        order = torch.randperm(len(X))
        for s in range(n_steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule(epoch + s / n_steps, epochs)
            rows = order[s * batch : (s + 1) * batch]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()
        total += time.perf_counter() - start
        with torch.no_grad():
            accuracies.append(float((net(X_test).argmax(1).numpy() == split.y_test).mean()))
        seconds.append(total)
    return line(accuracies, sum(p.numel() for p in net.parameters()), seconds)


def sklearn_dense(split, sizes, seed, *, epochs, decay, batch):
    """scikit-learn's MLPClassifier as it comes, Adam at 0.001: it has no cosine."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        sizes[1:-1], batch_size=min(batch, len(split.X)), max_iter=epochs, alpha=decay, random_state=seed, n_iter_no_change=epochs
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(split.X, split.y)
    seconds = time.perf_counter() - start
    return line([model.score(split.X_test, split.y_test)], sum(w.size for w in model.coefs_ + model.intercepts_), [seconds])


def logistic_regression(split, seed):
    """scikit-learn's, the best C of 0.003 to 1 by three folds of the training rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    grid = {"C": [0.003, 0.01, 0.03, 0.1, 0.3, 1]}
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GridSearchCV(LogisticRegression(max_iter=200), grid, cv=3).fit(split.X, split.y)
    seconds = time.perf_counter() - start
    best = model.best_estimator_
    return line([best.score(split.X_test, split.y_test)], best.coef_.size + best.intercept_.size, [seconds])
