"""The sub-commands of `sparsemlp`: each module has `add_arguments(parser)` and `run(args)`; its docstring is its help."""
