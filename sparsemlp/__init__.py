"""Neural networks that are sparse while they train. Importing compiles nothing."""

from . import datasets
from .checkpoint import Checkpoint, load, save
from .engine.threads import get_num_threads, set_num_threads
from .errors import CheckpointError, ConnectivityWarning, DatasetError, NonFiniteError, TopologyError
from .initializers import Glorot, He, Normal, Zeros
from .layers import Linear
from .models import surgery
from .models.autoencoder import Autoencoder
from .models.inference_weights import for_prediction
from .models.mlp import MLP
from .models.network import Network
from .optimizers import SGD, Adam, AdamW, RMSprop
from .policies import (
    FSA,
    SET,
    SNIP,
    AnnealedPruning,
    Combined,
    DissipatingGradients,
    IterativePruning,
    KStarts,
    OneTimePruning,
    Policy,
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
from .training.history import History
from .training.trainer import Trainer
from .weights.dense import DenseWeights
from .weights.sparse import SparseWeights

__version__ = "0.2.0"  # the only place of the version: pyproject.toml reads it here

ESTIMATORS = ("SparseMLPClassifier", "SparseMLPRegressor")  # imported when first asked for: they need scikit-learn


def __getattr__(name):
    if name in ESTIMATORS:
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *ESTIMATORS])
