"""Esfandiarpoor, Hajabdollahi, Karimi, re-run: static and adaptive pruning rates, auxiliary layers, energy, on MNIST.

    python bench/papers/adaptive.py --out bench/results/adaptive
    python bench/papers/adaptive.py --report --out bench/results/adaptive

Runs are independent, one JSON file each; what has its file is never run again, so an interrupted sweep goes on where it stopped.
"""

import argparse

from sparsemlp.experiments import adaptive

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    adaptive.add_arguments(parser)
    adaptive.main(parser.parse_args())
