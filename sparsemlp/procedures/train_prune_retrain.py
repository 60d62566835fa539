"""`TrainPruneRetrain`: train, remove the smallest connections once, train the rest; and `prune`, its middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import checks
from ..engine.threads import engine
from ..policies.base import LayerView
from ..policies.layer_choice import check_layers, n_possible, smallest
from ..policies.static import Static
from ..schedules import as_schedule
from ..weights.change import Change, apply_change
from .resumable import Outcome, Stages

if TYPE_CHECKING:
    from ..models.network import Network
    from ..training.trainer import Trainer


DENSE_ABOVE = 0.5


def prune(network: Network, sparsity: Any, layers: Any = None, *, dense_above: float = DENSE_ABOVE) -> list[float]:
    """Remove the connections closest to zero, in place; dense layers that are sparse enough afterwards turn sparse.

    Parameters
    ----------
    network : Network
    sparsity : float in [0, 1), or a sequence with one for each pruned layer
        round((1 - sparsity) * n_in * n_out) connections of each pruned layer are kept, and at least one.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.
    dense_above : float in [0, 1]
        A dense layer stays one 2-D array, with a mask, while its density is at least this.

    Returns
    -------
    list of float
        For each layer of the network the largest magnitude that was removed, 0 where nothing was.

    Raises
    ------
    ValueError, TypeError
        A sparsity out of its range, or a layer that the network has not.

    Notes
    -----
    Values and optimizer state of what is kept are as before; so are the biases. Of equal magnitudes the first go. O(n_in * n_out) for
    a dense layer, O(connections) for a sparse one.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> net = sm.MLP([64, 100, 10], seed=0)
    >>> thresholds = sm.prune(net, 0.9, layers=(0,))
    >>> net.layers[0].weights
    SparseWeights(64, 100): 640 connections, density 0.1
    """
    layers = check_layers("prune.layers", layers)
    weighted = dict(network.weighted)
    chosen = list(weighted) if layers is None else layers
    if not set(chosen) <= set(weighted):
        wrong = next(k for k in chosen if k not in weighted)
        raise ValueError(f"prune.layers must be layers with weights, of {', '.join(map(str, weighted))}; got {wrong}.")
    many = isinstance(sparsity, (tuple, list))
    if many and len(sparsity) != len(chosen):
        raise ValueError(f"prune.sparsity must be one number, or one for each of the {len(chosen)} layers; got {len(sparsity)}.")
    wanted = [checks.fraction("prune.sparsity", s, open_high=True) for s in (sparsity if many else [sparsity] * len(chosen))]
    checks.fraction("prune.dense_above", dense_above)
    thresholds = [0.0] * len(network.layers)
    for k, share in zip(chosen, wanted, strict=True):
        thresholds[k] = _prune_layer(network.layers[k], k, share, dense_above)
    return thresholds


def _prune_layer(layer: Any, k: int, sparsity: Any, dense_above: float) -> Any:
    view = LayerView.of(layer, k)
    drop = smallest(view, max(1, round((1 - sparsity) * n_possible(view))))
    threshold = float(abs(view.data[drop]).max()) if drop.size else 0.0
    with engine():
        if drop.size:
            apply_change(layer.weights, Change(drop=drop))
        layer.weights = layer.weights.settle(dense_above)
    return threshold


@dataclass(frozen=True)
class TrainPruneRetrain:
    """Train, keep the largest connections of each layer, and train those on with the topology fixed.

    Parameters
    ----------
    sparsity : float in [0, 1)
        Of each pruned layer.
    train_epochs : int, >= 1
    retrain_epochs : int, >= 0
        0: one-time pruning after training, and nothing else.
    lr : float or schedule, optional
        Learning rate of the second training; default: that of the trainer.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    References
    ----------
    Yu, Seide, Li, Deng, "Exploiting sparseness in deep neural networks for large vocabulary speech recognition", ICASSP 2012;
    algorithm 1 of Bartoldson, Barbu, Erlebacher. There one number q counts the weights of the whole net; here each layer keeps its share.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> trainer = sm.Trainer(sm.MLP([64, 100, 10], seed=0), optimizer=sm.SGD(lr=0.05, momentum=0.9))
    >>> outcome = sm.TrainPruneRetrain(0.8, train_epochs=5, retrain_epochs=5).run(trainer, X / 16, y)
    >>> net = outcome.trainer.network
    >>> net.n_connections, net.score(X_test / 16, y_test) > 0.9
    (1480, True)
    """

    sparsity: float
    train_epochs: int
    retrain_epochs: int
    lr: float | Callable[[float, float], float] | None = None
    layers: tuple | None = None

    def __post_init__(self) -> None:
        checks.fraction("TrainPruneRetrain.sparsity", self.sparsity, open_high=True)
        checks.integer("TrainPruneRetrain.train_epochs", self.train_epochs, 1)
        checks.integer("TrainPruneRetrain.retrain_epochs", self.retrain_epochs, 0)
        if self.lr is not None:
            as_schedule(self.lr, "TrainPruneRetrain.lr")
        object.__setattr__(self, "layers", check_layers("TrainPruneRetrain.layers", self.layers))

    def run(self, trainer: Trainer, X: Any, y: Any, *, folder: Any = None, custom: Sequence[type] = (), **options: Any) -> Outcome:
        """Run all stages.

        Parameters
        ----------
        trainer : Trainer
            With the policy `Static`. Trained in place, unless its stage was saved in the folder.
        X, y, options
            As `Trainer.fit`, of all stages.
        folder : path, optional
            Where the stages are kept, so that an interrupted run goes on; see `Stages`.
        custom : sequence of classes
            As in `sparsemlp.load`.

        Returns
        -------
        Outcome
            Stages "train" and, with retrain_epochs > 0, "retrain". In the histories every accuracy is that of a net after a
            whole epoch of training; evaluate `outcome.trainer.network` for the one just pruned.
        """
        require_static(trainer, "TrainPruneRetrain")
        stages = Stages(self, folder, custom)
        trainer = stages.fit("train", trainer, X, y, self.train_epochs, **options)
        prune(trainer.network, self.sparsity, self.layers)
        if self.retrain_epochs:
            if self.lr is not None:
                trainer.lr = self.lr
            trainer = stages.fit("retrain", trainer, X, y, self.retrain_epochs, **options)
        return Outcome(trainer, stages)


def require_static(trainer: Trainer, name: str) -> None:
    """Raise ValueError if the trainer's own policy would change the topology beside the procedure."""
    if type(trainer.policy) is not Static:
        raise ValueError(f"{name} changes the topology itself: the trainer's policy must be Static(); got {trainer.policy!r}.")
