"""The systems that sparsemlp is compared with; see `sparsemlp.benchmark.systems` for what a system is."""

DENSE = {
    "torch dense": "peers.torch_dense:dense",
    "torch dense, tuned": "peers.torch_dense:fused",
    "torch masked dense": "peers.torch_dense:masked",
    "scikit-learn MLPClassifier": "peers.sklearn_mlp:mlp",
}
SPARSE = {
    "torch.sparse_csr": "peers.torch_csr:csr",
    "MKL sparse + numba dW": "peers.numpy_csr:mkl_csr",
    "SciPy CSR + numba dW": "peers.numpy_csr:scipy_csr",
}
# glibc keeps freed memory: PyTorch's gradients, new in each step, then cost no page faults
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 36), "MALLOC_TOP_PAD_": str(1 << 28)}
ENVIRONMENT = {"torch dense, tuned": MALLOC}
