"""Procedures: loops around training, such as train, prune, train again. One a file; `stages.py` keeps and resumes their stages."""

from .adaptive_prune_retrain import AdaptivePruneRetrain
from .auxiliary_layer import AuxiliaryLayer, insert_auxiliary_layer
from .lottery_ticket import LotteryTicket, restart
from .prune_retrain import PruneRetrain
from .prune_rounds import Pruned
from .resumable import Outcome, Stages
from .train_prune_retrain import TrainPruneRetrain, prune

__all__ = [
    "AdaptivePruneRetrain",
    "AuxiliaryLayer",
    "LotteryTicket",
    "Outcome",
    "PruneRetrain",
    "Pruned",
    "Stages",
    "TrainPruneRetrain",
    "insert_auxiliary_layer",
    "prune",
    "restart",
]
