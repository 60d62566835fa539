"""PyTorch, eager: the dense net as users write it, the same tuned, and the usual way to be sparse in it, a mask on dense weights."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class Masked(nn.Linear):
    """A linear layer whose weights are multiplied by a mask in each forward pass, and with them their gradient."""

    def __init__(self, n_in, n_out, mask):
        super().__init__(n_in, n_out)
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


def _net(problem, linear):
    parts, last = [], len(problem.sizes) - 2
    for k, (n_in, n_out) in enumerate(zip(problem.sizes, problem.sizes[1:], strict=False)):
        parts.append(linear(k, n_in, n_out))
        if k < last:
            parts.append(ACTIVATIONS[problem.activation]())
            if problem.dropout:
                parts.append(nn.Dropout(problem.dropout))
    return nn.Sequential(*parts)


def _optimizer(problem, parameters, **options):
    if problem.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=problem.lr, **options)
    return torch.optim.SGD(parameters, lr=problem.lr, momentum=0.9 if problem.optimizer == "momentum" else 0.0, **options)


def _system(problem, linear, **options):
    torch.manual_seed(problem.seed)
    net = _net(problem, linear)
    turns = itertools.cycle([(torch.from_numpy(X), torch.from_numpy(y)) for X, y in problem.batches()])
    info = {"connections": sum(p.numel() for p in net.parameters() if p.dim() == 2), "threads_inside": torch.get_num_threads()}
    if problem.task == "predict":
        net.eval()

        def predict():
            with torch.inference_mode():
                return net(next(turns)[0]).argmax(dim=1)

        return predict, info
    optimizer = _optimizer(problem, net.parameters(), **options)

    def step():
        X, y = next(turns)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, info


def dense(problem):
    """nn.Sequential of nn.Linear; optimizers as PyTorch chooses them."""
    return _system(problem, lambda k, n_in, n_out: nn.Linear(n_in, n_out))


def fused(problem):
    """The same with the fused optimizer; started with memory that is kept instead of given back, see `peers.MALLOC`."""
    return _system(problem, lambda k, n_in, n_out: nn.Linear(n_in, n_out), fused=True)


def masked(problem):
    """Dense layers with masks of the problem's connections."""
    masks = [torch.from_numpy((m.toarray() != 0).astype("float32").T.copy()) for m in problem.matrices()]
    run, info = _system(problem, lambda k, n_in, n_out: Masked(n_in, n_out, masks[k]))
    return run, {**info, "connections": int(sum(m.sum().item() for m in masks))}
