"""Alford (2018) re-run: one-time and iterative pruning, retraining, RadiX-Nets and random expanders, LeNet-300-100 on MNIST.

    python bench/papers/structured.py --timing --out bench/results/structured
    python bench/papers/structured.py --report --out bench/results/structured

Runs are independent, one JSON file each; what has its file is never trained again, so an interrupted sweep goes on where it stopped.
"""

import argparse

from sparsemlp.experiments import structured

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    structured.add_arguments(parser)
    structured.main(parser.parse_args())
