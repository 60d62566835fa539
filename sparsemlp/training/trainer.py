"""`Trainer`: the loop that trains a network, its topology included."""

import os
import time
import warnings

import numpy as np

from .. import checks
from ..datasets import Augmentation
from ..engine.augmented_batches import AugmentedRows
from ..engine.batches import Rows, Targets, check_sample_weight
from ..engine.step import Steps
from ..engine.threads import alone, engine
from ..errors import ConnectivityWarning
from ..losses import get_loss
from ..models.inference_weights import UNTRAINABLE, PredictionWeights
from ..models.network import OUTPUTS, Network
from ..optimizers import SGD
from ..policies.base import Policy, Progress
from ..policies.static import Static
from ..randomness import key, stream
from .callbacks import Callback
from .evolution import Evolution
from .history import History
from .progress import compiling_notice, progress_bar

N_HYPER = 9


class Trainer(Steps):
    """Trains a network with an optimizer, a loss and a policy that changes the topology.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Default `SGD(lr=0.01, momentum=0.9)`.
    loss : {"cross_entropy", "binary_cross_entropy", "mse"}, optional
        Default: by the network's output.
    policy : Policy
        Default `Static()`. May be replaced between two fits: `trainer.policy = ...`.
    callbacks : sequence of Callback
    dense_above : float in [0, 1]
        A layer that is stored dense (`DenseWeights`) and whose removed connections do not come back turns into `SparseWeights` when
        its density is below this; the history says when, under "turned_sparse". 0: never, connections are only masked.
    debug : bool, optional
        Check every invariant of the network after each topology change. Default: whether the environment variable SPARSEMLP_DEBUG is 1.

    Attributes
    ----------
    network : Network
    history : History
        Of the last `fit`.
    step : int
        Steps taken so far; optimizer corrections and dropout count from it.
    epoch : int
        Epochs of the last `fit` that have ended.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> net = sm.MLP([64, 100, 10], topology=sm.ErdosRenyi(density=0.2), seed=0)
    >>> trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.003), policy=sm.SET(zeta=0.3))
    >>> history = trainer.fit(X / 16, y, epochs=10, batch_size=32)
    >>> net.score(X_test / 16, y_test) > 0.9
    True
    """

    def __init__(self, network, optimizer=None, loss=None, policy=None, callbacks=(), *, dense_above=0.5, debug=None):
        self.network = checks.instance("network", network, Network, "sm.MLP([784, 1000, 10], density=0.05)")
        if any(isinstance(layer.weights, PredictionWeights) for layer in network.layers):
            raise TypeError(UNTRAINABLE)
        self.optimizer = SGD(lr=0.01, momentum=0.9) if optimizer is None else optimizer
        self.loss = get_loss(loss or OUTPUTS[network.output], network.output)
        self.callbacks = [checks.instance("callback", c, Callback, "sm.EarlyStopping('val_loss')") for c in callbacks]
        self.debug = os.environ.get("SPARSEMLP_DEBUG") == "1" if debug is None else debug
        self.evolution = Evolution(network, None, dense_above, self.debug)
        self.policy = policy or Static()
        self.step, self.epoch, self.n_epochs, self.n_fits = 0, 0, 0, 0
        self.history = History()
        self.stop_training = None
        self._hyper, self._bias_hyper = (np.zeros(N_HYPER, network.dtype) for _ in range(2))
        self._last_hyper = None
        self._dropout_key = key(network.seed, "dropout")
        self._plans, self._capacity, self._asked = {}, None, None

    @property
    def policy(self):
        return self.evolution.policy

    @policy.setter
    def policy(self, policy):
        self.evolution.policy = checks.instance("policy", policy, Policy, "sm.SET(zeta=0.3)")
        self._plans = {}  # what they keep for policies may differ

    @property
    def policy_states(self):
        """The policy's state of each layer; None before the first fit."""
        return self.evolution.states

    def fit(
        self,
        X,
        y,
        epochs,
        batch_size=100,
        validation_data=None,
        *,
        sample_weight=None,
        shuffle=True,
        augment=None,
        progress=False,
        resume=False,
    ):
        """Train for a number of epochs: [topology change, but before the first] → steps → evaluation → callbacks.

        Parameters
        ----------
        X : array of numbers or scipy sparse matrix [n_samples, n_in]
            Any real or integer dtype; read batch by batch, never copied as a whole.
        y : labels [n_samples] (integers, strings), one-hot [n_samples, n_classes], or numbers [n_samples, n_out]
        epochs : int
            In total, also with `resume`.
        batch_size : int
            The last, partial batch of an epoch is kept.
        validation_data : (X, y), optional
            Evaluated after each epoch.
        sample_weight : float[n_samples], optional
            The loss is the weighted mean over each batch; the accuracy while training counts samples, whatever their weights.
        shuffle : bool
            A new order each epoch, drawn from (seed, epoch).
        augment : datasets.Augmentation, optional
            Standardises and maps the images of X at random, anew each epoch; validation data are left as they are.
        progress : bool
            Show a progress bar on standard error.
        resume : bool
            Go on after the `trainer.epoch` epochs that have ended, with the same bits as an uninterrupted run.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            Before training: data that do not fit, NaN or infinity in X, unknown labels.
        RuntimeError
            Another thread is training this network.
        NonFiniteError
            The loss became NaN or infinite: names epoch, step and layer, and the weights are those before the step. Or weights
            did at the end of an epoch.

        Notes
        -----
        A second `fit` without `resume` trains the network further, with schedules from their start and the optimizer's state kept.
        Warns once of units that lie on no path from an input to an output (ConnectivityWarning).
        KeyboardInterrupt ends the run after the callbacks' `on_fit_end`, keeps what was learned and is raised again.
        """
        with alone(self.network):
            return self._fit(X, y, epochs, batch_size, validation_data, sample_weight, shuffle, augment, progress, resume)

    def _fit(self, X, y, epochs, batch_size, validation_data, sample_weight, shuffle, augment, progress, resume):
        net = self.network
        net.require_sound(bounds=True)
        epochs = checks.integer("epochs", epochs, 1)
        batch_size = checks.integer("batch_size", batch_size, 1)
        if augment is None:
            source = Rows(X, net.n_in)
        else:
            example = "sm.datasets.Augmentation((28, 28))"
            source = AugmentedRows(X, net.n_in, checks.instance("augment", augment, Augmentation, example))
        targets = Targets(y, len(source), net, self.loss)
        weights = check_sample_weight(sample_weight, len(source))
        validation = None
        classes, net.classes = net.classes, targets.classes
        try:
            if validation_data is not None:
                if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                    raise TypeError(f"validation_data must be a pair (X, y); got {type(validation_data).__name__}.")
                Xv, yv = validation_data
                source_v = Rows(Xv, net.n_in, "validation X")
                validation = source_v, Targets(yv, len(source_v), net, self.loss, "validation y")
        except Exception:
            net.classes = classes
            raise
        if not resume or self.n_fits == 0:
            self.epoch, self.history = 0, History()
            self.n_fits += 1
            self.evolution.states = None
        del self.history.records[self.epoch :]  # of an epoch that was interrupted at its very end
        self.evolution.n_fits = self.n_fits
        self.n_epochs, self.stop_training, self.history.stopped = epochs, None, None
        n_steps = -(-len(source) // batch_size)
        if self.evolution.states is None:
            self.evolution.start()
        elif len(self.evolution.states) != len(net.layers):
            raise ValueError(
                f"The run to resume has {len(self.evolution.states)} layers, the network {len(net.layers)} now: fit without resume."
            )
        found = net.check_connectivity()
        if not found:
            warnings.warn(f"Some units do nothing: {found}. See net.check_connectivity().", ConnectivityWarning, stacklevel=3)
        bar = progress_bar(progress, epochs * n_steps, self.epoch * n_steps)
        self._call("on_fit_begin", self)
        try:
            with bar:
                for epoch in range(self.epoch, epochs):
                    self._call("on_epoch_begin", self, epoch)
                    record = self._evolve(epoch, n_steps, lambda: self._start_gradients(source, targets, weights, batch_size, shuffle))
                    self._train_epoch(record, source, targets, weights, batch_size, shuffle, bar)
                    self._evaluate_epoch(record, validation)
                    self.history.append(record)
                    self.epoch = epoch + 1
                    bar.show(record)
                    self._call("on_epoch_end", self, record)
                    if self.stop_training:
                        self.history.stopped = str(self.stop_training)
                        break
        except KeyboardInterrupt:
            self.history.stopped = "interrupted"
            raise
        finally:
            self._call("on_fit_end", self)
        return self.history

    def _call(self, occasion, *args):
        for callback in self.callbacks:
            getattr(callback, occasion)(*args)

    def __getstate__(self):
        """For pickle and copy: everything but the buffers of steps, which are made again when needed."""
        return {**self.__dict__, "_plans": {}, "_capacity": None}

    def _evolve(self, epoch, n_steps, start_gradients):
        """Let the policy change the topology before an epoch; the first part of the epoch's record."""
        start = time.perf_counter()
        record = {"epoch": epoch, "evolution_seconds": 0.0, **self.evolution.new_record(epoch, self.n_epochs)}
        if epoch > 0:
            self.evolution.between_epochs(Progress(epoch - 1, self.n_epochs, self.step, n_steps, epoch * n_steps), record)
        elif not self.evolution.started:
            self.evolution.before_first_step(start_gradients, record)
        self.evolution.new_epoch()
        if self.debug and epoch > 0:
            self.network.check()
        record["evolution_seconds"] = time.perf_counter() - start
        return record

    def _order(self, source, epoch, shuffle):
        """The samples of an epoch in their order; it also brings the augmentation to this epoch."""
        net = self.network
        order = np.arange(len(source))
        if shuffle:
            stream(net.seed, "shuffle", self.n_fits, epoch).shuffle(order)
        if isinstance(source, AugmentedRows):
            source.key = key(net.seed, "augment", self.n_fits, epoch)
        return order

    def _batch(self, s, batch_size, order, targets, weights):
        """(plan, rows, target values) of batch s of an epoch."""
        rows = order[s * batch_size : (s + 1) * batch_size]
        plan = self._plan(rows.size, min(batch_size, order.size))
        values = targets.values
        if self.loss.name == "cross_entropy":
            values = np.take(values, rows, out=plan.labels, mode="clip")
        if weights is None:
            plan.uniform_scale()
        return plan, rows, values

    def _start_gradients(self, source, targets, weights, batch_size, shuffle):
        """Mean gradients over the first batches of the run, by layer, for policies that decide before the first step."""
        order = self._order(source, 0, shuffle)
        n_batches = min(self.policy.start_batches, -(-order.size // batch_size))
        total = [np.zeros(layer.weights.data.size, self.network.dtype) for layer in self.network.layers]
        with engine():
            for s in range(n_batches):
                plan, rows, values = self._batch(s, batch_size, order, targets, weights)
                self._forward(plan, source, rows, values, weights)
                for t, (dw, _) in zip(total, self._stored_gradients(plan), strict=True):
                    t += dw[0] / n_batches
        return total

    def _train_epoch(self, record, source, targets, weights, batch_size, shuffle, bar):
        n, epoch, epochs = len(source), record["epoch"], self.n_epochs
        order = self._order(source, epoch, shuffle)
        constant_lr = not callable(self.lr)
        n_steps = -(-n // batch_size)
        record["lr"] = now = self._rate(epoch, epochs)
        asks, acts = bool(self.policy.needs), self.evolution.acts_on_steps
        watchers = [c for c in self.callbacks if type(c).on_step_end is not Callback.on_step_end]
        total = correct = 0.0
        start = time.perf_counter()
        for s in range(n_steps):
            progress = Progress(epoch, epochs, self.step, n_steps, epoch * n_steps + s) if asks or acts else None
            with engine():
                with compiling_notice(self.step == 0):
                    plan, rows, values = self._batch(s, batch_size, order, targets, weights)
                    if not constant_lr:
                        now = self._rate(epoch + s / n_steps, epochs)
                    self._asked = self.evolution.ask(progress) if asks else None
                    loss = self._run_step(plan, source, rows, values, weights, now)
                total += loss * rows.size
                correct += float(plan.stats[1])
                if acts:
                    self.evolution.after_step(plan, progress, s, record)
            for callback in watchers:
                callback.on_step_end(self)
            bar.update(1)
        record["seconds"] = time.perf_counter() - start
        self._check_finite(epoch)
        record["steps"], record["samples"] = n_steps, n
        record["loss"] = total / n
        if self.loss.name == "cross_entropy":
            record["accuracy"] = correct / n
        elif self.loss.name == "binary_cross_entropy":
            record["accuracy"] = correct / (n * self.network.n_out)

    def _evaluate_epoch(self, record, validation):
        start = time.perf_counter()
        if validation is not None:
            found = self.network._evaluate(*validation, None, self.loss)
            record.update({f"val_{name}": value for name, value in found.items()})
        record["evaluation_seconds"] = time.perf_counter() - start
        layers = self.network.layers
        record["connections"] = [layer.weights.n_connections for layer in layers]
        record["density"] = [layer.weights.density for layer in layers]
        record["storage"] = ["dense" if layer.weights.is_dense else "sparse" for layer in layers]
        record["bytes"] = sum(sum(layer.nbytes().values()) for layer in layers)
