"""Pruning at initialization re-run: random masks, K-starts, dissipating gradients and their combination against dense nets.

    python bench/papers/at_initialization.py --out bench/results/at_initialization
    python bench/papers/at_initialization.py --report --out bench/results/at_initialization

One JSON file for each setting with all its trials; what has its file is never trained again, so an interrupted sweep goes on where it
stopped.
"""

import argparse

from sparsemlp.experiments import at_initialization

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    at_initialization.add_arguments(parser)
    at_initialization.main(parser.parse_args())
