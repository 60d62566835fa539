"""Procedures: loops around training, such as train, prune, train again. One a file; `stages.py` keeps and resumes their stages."""

from .lottery_ticket import LotteryTicket, restart
from .stages import Outcome, Stages
from .train_prune_retrain import TrainPruneRetrain, prune

__all__ = ["LotteryTicket", "Outcome", "Stages", "TrainPruneRetrain", "prune", "restart"]
