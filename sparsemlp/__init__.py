"""Neural networks that are sparse while they train. Importing compiles nothing."""

import typing as _typing

from . import datasets, reference
from .checkpoint import Checkpoint, load, save
from .engine.threads import get_num_threads, set_num_threads
from .errors import CheckpointError, ConnectivityWarning, DatasetError, NonFiniteError, PolicyWarning, TopologyError
from .initializers import Glorot, He, Initializer, Normal, Zeros
from .layers import ActivationLayer, AveragePool2D, BatchNorm, Call, Epilogue, Layer, Linear, MaxPool2D, Parameter, SReLU
from .losses import CustomLoss, Loss
from .models import surgery
from .models.autoencoder import Autoencoder
from .models.inference_weights import for_prediction
from .models.mlp import MLP
from .models.network import Network
from .optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from .policies import (
    FSA,
    SET,
    SNIP,
    AnnealedPruning,
    Combined,
    DissipatingGradients,
    IterativePruning,
    KStarts,
    LayerView,
    OneTimePruning,
    Policy,
    Progress,
    RandomPruning,
    RigL,
    Static,
    ThresholdPruning,
)
from .procedures import (
    AdaptivePruneRetrain,
    AuxiliaryLayer,
    LotteryTicket,
    PruneRetrain,
    TrainPruneRetrain,
    insert_auxiliary_layer,
    prune,
    restart,
)
from .reports.energy import EnergyReport, energy_report
from .reports.memory import MemoryReport, memory_report
from .schedules import (
    Annealed,
    Constant,
    Cosine,
    CubicSparsity,
    ExponentialDecay,
    LinearDecrease,
    Oscillating,
    Schedule,
    StepDecay,
    WarmupCosine,
)
from .topology import (
    Correlated,
    Dense,
    ErdosRenyi,
    Given,
    Local,
    RadixNet,
    RandomEquivalent,
    RandomExpander,
    SmallWorld,
    Topology,
    Uniform,
    Weighted,
    label_scores,
)
from .training.callbacks import BestWeights, Callback, CSVLog, EarlyStopping, JSONLog, LearningRateSchedule
from .training.communicator import Communicator, Serial
from .training.history import History
from .training.trainer import Trainer
from .weights.change import Change, apply_change
from .weights.dense import DenseWeights
from .weights.sparse import SparseWeights

__all__ = [
    "ActivationLayer",
    "Adam",
    "AdamW",
    "AdaptivePruneRetrain",
    "Annealed",
    "AnnealedPruning",
    "Autoencoder",
    "AuxiliaryLayer",
    "AveragePool2D",
    "BatchNorm",
    "BestWeights",
    "CSVLog",
    "Call",
    "Callback",
    "Change",
    "Checkpoint",
    "CheckpointError",
    "Combined",
    "Communicator",
    "ConnectivityWarning",
    "Constant",
    "Correlated",
    "Cosine",
    "CubicSparsity",
    "CustomLoss",
    "DatasetError",
    "Dense",
    "DenseWeights",
    "DissipatingGradients",
    "EarlyStopping",
    "EnergyReport",
    "Epilogue",
    "ErdosRenyi",
    "ExponentialDecay",
    "FSA",
    "Given",
    "Glorot",
    "He",
    "History",
    "Initializer",
    "IterativePruning",
    "JSONLog",
    "KStarts",
    "Layer",
    "LayerView",
    "LearningRateSchedule",
    "Linear",
    "LinearDecrease",
    "Local",
    "Loss",
    "LotteryTicket",
    "MLP",
    "MaxPool2D",
    "MemoryReport",
    "Network",
    "NonFiniteError",
    "Normal",
    "OneTimePruning",
    "Optimizer",
    "Oscillating",
    "Parameter",
    "Policy",
    "PolicyWarning",
    "Progress",
    "PruneRetrain",
    "RMSprop",
    "RadixNet",
    "RandomEquivalent",
    "RandomExpander",
    "RandomPruning",
    "RigL",
    "SET",
    "SGD",
    "SNIP",
    "SReLU",
    "Schedule",
    "Serial",
    "SmallWorld",
    "SparseMLPClassifier",
    "SparseMLPRegressor",
    "SparseWeights",
    "Static",
    "StepDecay",
    "ThresholdPruning",
    "Topology",
    "TopologyError",
    "TrainPruneRetrain",
    "Trainer",
    "Uniform",
    "WarmupCosine",
    "Weighted",
    "Zeros",
    "apply_change",
    "datasets",
    "energy_report",
    "for_prediction",
    "get_num_threads",
    "insert_auxiliary_layer",
    "label_scores",
    "load",
    "memory_report",
    "prune",
    "reference",
    "restart",
    "save",
    "set_num_threads",
    "surgery",
]

__version__ = "0.2.0"  # the only place of the version: pyproject.toml reads it here

ESTIMATORS = ("SparseMLPClassifier", "SparseMLPRegressor")  # imported when first asked for: they need scikit-learn


if _typing.TYPE_CHECKING:
    from .estimators import SparseMLPClassifier, SparseMLPRegressor
else:

    def __getattr__(name):
        if name in ESTIMATORS:
            from . import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
