"""`Trainer`: the loop that trains a network, its topology included."""

import math
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .. import checks
from ..datasets import Augmentation
from ..engine.augmented_batches import AugmentedRows
from ..engine.batches import Rows, StepTargets, Targets, check_sample_weight
from ..engine.gradients import Gradients
from ..engine.step import Step
from ..engine.threads import alone, engine
from ..losses import Loss
from ..models.network import OUTPUTS, Network
from ..optimizers import SGD, Optimizer
from ..policies.base import Policy, Progress
from ..policies.static import Static
from .callbacks import Callback
from .communicator import Communicator, Serial
from .epoch import evaluate_epoch, order_of, train_epoch
from .evolution import Evolution
from .history import History
from .progress import progress_bar
from .run_checks import monitored_names, run_of, same_run, validation_rows, warn_of_idle_units, warn_of_lost_outputs
from .split_step import mean_gradients, split_step


class Trainer:
    """Trains a network with an optimizer, a loss and a policy that changes the topology.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Default `SGD(lr=0.01, momentum=0.9)`.
    loss : {"cross_entropy", "binary_cross_entropy", "mse"} or Loss, optional
        Default: by the network's output. `CustomLoss` takes a function of your own.
    policy : Policy
        Default `Static()`. May be replaced between two fits: `trainer.policy = ...`.
    callbacks : sequence of Callback
    weight_by : {"batch", "data"}
        What weights of samples are measured against. "batch": the loss of a batch is its weighted mean, so that a batch of small
        weights counts as much as one of large ones; what scikit-learn and PyTorch do. "data": weights are divided by the mean weight
        of all samples, so that they mean the same for every batch size; the estimators use it.
    dense_above : float in [0, 1]
        A layer that is stored dense (`DenseWeights`) and whose removed connections do not come back turns into `SparseWeights` when
        its density is below this; the history says when, under "turned_sparse". 0: never, connections are only masked.
    lr_scale : {"density", None}
        "density": connections of a sparse layer of density d are trained with lr / sqrt(d), at most 8 times lr, and decay per step stays
        that of lr; biases and dense layers have lr. The factors follow the density, and the history lists them under "lr_scale". None:
        one rate for all.
    clip_norm : float, optional
        Scale the gradient of all parameters down to this Euclidean norm where it is larger.
    accumulate : int
        Add up the gradients of so many batches for one step: the step of a batch so many times as large, in the memory of one.
    on_gradients : callable(Gradients), optional
        Called with the gradients of each step before the update, after clipping; may change them in place.
    communicator : Communicator, optional
        Processes that train this network together, such as `sm.MPI()`; each takes its share of every batch. Default: this one alone.
    debug : bool, optional
        Check every invariant of the network after each topology change. Default: whether the environment variable SPARSEMLP_DEBUG is 1.

    Attributes
    ----------
    network : Network
    history : History
        Of the last `fit`.
    step : int
        Steps taken so far; optimizer corrections and dropout count from it.
    stepper : Step
        What takes them.
    lr : float or schedule
        The optimizer's, or what took its place.
    run : dict
        What decides the rest of a run beside the trainer: numbers of the data, the batch size. A run can be resumed with the same only.
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

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer | None = None,
        loss: str | Loss | None = None,
        policy: Policy | None = None,
        callbacks: Iterable[Callback] = (),
        *,
        lr_scale: str | None = "density",
        weight_by: str = "batch",
        dense_above: float = 0.5,
        clip_norm: float | None = None,
        accumulate: int = 1,
        on_gradients: Callable[[Gradients], object] | None = None,
        communicator: Communicator | None = None,
        debug: bool | None = None,
    ) -> None:
        self.network = checks.instance("network", network, Network, "sm.MLP([784, 1000, 10], density=0.05)")
        network.require_trainable()
        optimizer = SGD(lr=0.01, momentum=0.9) if optimizer is None else optimizer
        self.stepper = Step(network, loss or OUTPUTS[network.output], optimizer, lr_scale=lr_scale)
        self.lr = optimizer.lr
        self.clip_norm = None if clip_norm is None else checks.real("clip_norm", clip_norm, 0, open_low=True)
        self.accumulate = checks.integer("accumulate", accumulate, 1)
        self.weight_by = checks.choice("weight_by", weight_by, ("batch", "data"))
        if on_gradients is not None and not callable(on_gradients):
            raise TypeError(f"on_gradients must be a function of the gradients; got {on_gradients!r}.")
        self.on_gradients = on_gradients
        communicator = Serial() if communicator is None else communicator
        self.communicator = checks.instance("communicator", communicator, Communicator, "sm.MPI()")
        self.callbacks = [checks.instance("callback", c, Callback, "sm.EarlyStopping('val_loss')") for c in callbacks]
        self.debug = os.environ.get("SPARSEMLP_DEBUG") == "1" if debug is None else debug
        self.evolution = Evolution(network, None, dense_above, self.debug, self.communicator)
        self.policy = policy or Static()
        self.epoch, self.n_epochs, self.n_fits = 0, 0, 0
        self.run, self.kept, self.monitored = dict[str, Any](), dict[str, Any](), tuple[str, ...]()
        self.history = History()
        self.stop_training: str | None = None

    @property
    def step(self) -> int:
        return self.stepper.number

    @step.setter
    def step(self, number: int) -> None:
        self.stepper.number = number

    @property
    def loss(self) -> Loss:
        return self.stepper.loss

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer. Setting another one sets `lr` to its learning rate; its state starts at zero unless the rule is the same."""
        return self.stepper.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self.stepper.optimizer = optimizer
        self.lr = optimizer.lr

    def settings(self) -> dict[str, Any]:
        """What another trainer of the same kind is made with, as keywords: everything but the network and the policy."""
        return {
            "optimizer": self.optimizer,
            "loss": self.loss,
            "callbacks": self.callbacks,
            "lr_scale": self.stepper.rates.scale,
            "weight_by": self.weight_by,
            "dense_above": self.evolution.dense_above,
            "clip_norm": self.clip_norm,
            "accumulate": self.accumulate,
            "on_gradients": self.on_gradients,
            "communicator": self.communicator,
            "debug": self.debug,
        }

    @property
    def split(self) -> bool:
        """Whether steps are taken in two halves, gradients and update."""
        own = self.clip_norm is not None or self.accumulate > 1 or self.on_gradients is not None or not self.optimizer.fused
        return own or self.communicator.size > 1

    @property
    def policy(self) -> Policy:
        return self.evolution.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        before = self.evolution.policy
        self.evolution.policy = checks.instance("policy", policy, Policy, "sm.SET(zeta=0.3)")
        if before is not policy and repr(before) != repr(policy):
            self.evolution.states = None  # another policy's: this one is started by the next fit
        growth = "growth_gradient" in policy.needs
        if growth and self.accumulate > 1:
            raise ValueError(f"{type(policy).__name__} looks at one batch's gradients of missing connections: accumulate must be 1; "
                             f"got {self.accumulate}. A larger batch_size has the same effect.")  # fmt: skip
        self.stepper.keep_activations = growth
        self.stepper.forget()

    @property
    def policy_states(self) -> list | None:
        """The policy's state of each layer; None before the first fit."""
        return self.evolution.states

    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int,
        batch_size: int = 100,
        validation_data: tuple | None = None,
        *,
        sample_weight: Any = None,
        shuffle: bool = True,
        augment: Augmentation | None = None,
        progress: bool = False,
        resume: bool = False,
    ) -> History:
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
            The loss is a weighted mean, see `weight_by`; the accuracy while training counts samples, whatever their weights.
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
        classes, net.classes = net.classes, targets.classes
        try:
            validation = validation_rows(validation_data, net, self.loss)
        except Exception:
            net.classes = classes
            raise
        resumed = self.run if resume and self.n_fits else {}
        self.run = same_run(resumed, run_of(source, targets, batch_size, shuffle, weights))
        if not resume or self.n_fits == 0:
            self.kept = {}
            self.epoch, self.history = 0, History()
            self.n_fits += 1
            self.evolution.states = None
        del self.history.records[self.epoch :]  # of an epoch that was interrupted at its very end
        self.evolution.n_fits = self.n_fits
        self.n_epochs, self.stop_training, self.history.stopped = epochs, None, None
        n_steps = -(-len(source) // (batch_size * self.accumulate))
        if self.evolution.states is None:
            self.evolution.start()
        elif len(self.evolution.states) != len(net.layers):
            raise ValueError(
                f"The run to resume has {len(self.evolution.states)} layers, the network {len(net.layers)} now: fit without resume."
            )
        warn_of_idle_units(net)
        self.policy.warn_before(net, epochs - self.epoch, n_steps)
        self.monitored = monitored_names(self.loss, validation is not None)
        said = False
        bar = progress_bar(progress, epochs * n_steps, self.epoch * n_steps)
        self._call("on_fit_begin", self)
        try:
            with bar:
                for epoch in range(self.epoch, epochs):
                    self._call("on_epoch_begin", self, epoch)
                    record = self._evolve(epoch, n_steps, partial(self._start_gradients, source, targets, weights, batch_size, shuffle))
                    train_epoch(self, record, source, targets, weights, batch_size, shuffle, bar)
                    evaluate_epoch(self, record, validation)
                    said = said or warn_of_lost_outputs(net, record)
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

    def rate(self, epoch: float) -> float:
        """The learning rate at a fractional epoch, checked: a user's own schedule may return anything."""
        value = self.lr(epoch, max(self.n_epochs, 1)) if callable(self.lr) else self.lr
        if type(value) is float and 0 <= value < math.inf:
            return value
        return checks.real(f"The learning rate at epoch {epoch:.6g}", value, 0, fix="It comes from trainer.lr.")

    def train_step(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Take one optimizer step on one batch; no topology changes.

        Parameters
        ----------
        X : array or scipy sparse matrix [n_batch, n_in]
            Only shape and dtype are checked.
        y : integer[n_batch] class indices (softmax), or float[n_batch, n_out]
        sample_weight : float[n_batch], optional

        Returns
        -------
        float
            The batch's loss before the step.

        Raises
        ------
        NonFiniteError
            The loss is NaN or infinite; the weights are as they were.
        """
        source = Rows(X, self.network.n_in, finite=False)
        n = len(source)
        targets = StepTargets(y, n, self.network, self.loss)
        weights = check_sample_weight(sample_weight, n)
        lr = self.rate(self.epoch)
        if self.split:
            return split_step(self, source, np.arange(n), targets, weights, n, lr)[0]
        with engine():
            return self.stepper.train(self.stepper.batch(source, None, targets, weights), lr)

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[float, list[tuple[np.ndarray, ...]]]:
        """Gradients of the loss on one batch, without a step; dropout as the next step would draw it.

        Returns
        -------
        loss : float
        gradients : list of tuple of float[n]
            By layer, one a parameter: of the stored connections, in CSR order (row-major for dense layers, 0 at removed connections),
            and of the biases.
        """
        source = Rows(X, self.network.n_in)
        targets = Targets(y, len(source), self.network, self.loss)
        weights = check_sample_weight(sample_weight, len(source))
        with engine(), self.network.buffers_kept():
            found = self.stepper.gradients(self.stepper.batch(source, None, targets, weights))
            return float(self.stepper.last_plan.stats[0]), [tuple(g.copy() for g in row) for row in found.layers]

    def _start_gradients(self, source, targets, weights, batch_size, shuffle):
        """Mean gradients of the weights over the first batches of the run, by layer, for policies that decide before the first step."""
        with self.network.buffers_kept():
            return mean_gradients(self, source, order_of(self, source, 0, shuffle), targets, weights, batch_size)
