"""torch.sparse_csr: W' X and W dY by sparse mm, dW by sampled_addmm at the connections; int32 indices."""

import warnings

import torch
from torch.nn import functional as F

from . import sparse_steps

warnings.filterwarnings("ignore", message="Sparse CSR tensor support")


class Products:
    """One layer's products and parameters in PyTorch."""

    def __init__(self, by_output, by_input, perm, batch):
        self.shape = by_output.shape
        self.indptr, self.indices = (torch.from_numpy(a.astype("int32")) for a in (by_output.indptr, by_output.indices))
        self.indptr_t, self.indices_t = (torch.from_numpy(a.astype("int32")) for a in (by_input.indptr, by_input.indices))
        self.perm = torch.from_numpy(perm)
        self.values, self.bias = torch.from_numpy(by_output.data.copy()), torch.zeros(self.shape[0], 1)
        self.values_t = torch.empty_like(self.values)
        with torch.no_grad():
            self.matrix = torch.sparse_csr_tensor(self.indptr, self.indices, self.values, self.shape, check_invariants=False)
            self.matrix_t = torch.sparse_csr_tensor(self.indptr_t, self.indices_t, self.values_t, self.shape[::-1], check_invariants=False)
            zeros = torch.zeros_like(self.values)
            self.pattern = torch.sparse_csr_tensor(self.indptr, self.indices, zeros, self.shape, check_invariants=False)
        self.values = self.matrix.values()  # what the products read, updated in place
        self.values_t = self.matrix_t.values()
        self.n_connections = self.values.numel()

    def forward(self, x, relu):
        z = torch.addmm(self.bias, self.matrix, x)
        return z.relu_() if relu else z

    def weight_gradient(self, error, x):
        # beta = 0: only the pattern of the first argument counts
        return torch.sparse.sampled_addmm(self.pattern, error, x.t(), beta=0.0).values(), error.sum(dim=1, keepdim=True)

    def input_gradient(self, error, x):
        torch.index_select(self.values, 0, self.perm, out=self.values_t)
        return (self.matrix_t @ error).mul_(x > 0)

    @staticmethod
    def batch(X, y):
        return torch.from_numpy(X), torch.from_numpy(y)

    @staticmethod
    def transposed(X):
        return X.t().contiguous()

    @staticmethod
    def cross_entropy(z, y):
        logits = z.t()
        p = torch.softmax(logits, dim=1)
        loss = F.nll_loss(torch.log(p), y).item()
        p[torch.arange(len(y)), y] -= 1
        return loss, p.div_(len(y)).t().contiguous()

    @staticmethod
    def best(z):
        return z.argmax(dim=0)

    @staticmethod
    def optimizer(layer, problem):
        parameters = [layer.values, layer.bias]
        if problem.optimizer == "adam":
            rule = torch.optim.Adam(parameters, lr=problem.lr, fused=True)
        else:
            momentum = sparse_steps.MOMENTUM if problem.optimizer == "momentum" else 0.0
            rule = torch.optim.SGD(parameters, lr=problem.lr, momentum=momentum, fused=True)

        def update(dw, db):
            for p, g in zip(parameters, (dw, db), strict=True):
                p.grad = g
            rule.step()

        return update


def _no_grad(run):
    def wrapped():
        with torch.no_grad():
            return run()

    return wrapped


def csr(problem):
    """The system; see `sparse_steps`."""
    run, info = sparse_steps.build(problem, Products)
    return _no_grad(run), info
