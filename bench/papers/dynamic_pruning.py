"""Chouliaras, Fragkou, Katsaros (PCI 2021) re-run: dense, static, SET, EXD, LDV, OSV nets on Fashion-MNIST.

    python bench/papers/dynamic_pruning.py --nets mlp-1k --epochs 100 --out bench/results/dynamic_pruning
    python bench/papers/dynamic_pruning.py --report --out bench/results/dynamic_pruning

Runs are independent, one JSON file each; what has its file is never trained again, so an interrupted sweep goes on where it stopped.
"""

import argparse

from sparsemlp.experiments import dynamic_pruning

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    dynamic_pruning.add_arguments(parser)
    dynamic_pruning.main(parser.parse_args())
