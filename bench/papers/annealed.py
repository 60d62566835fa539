"""Bartoldson, Barbu, Erlebacher re-run on an MLP: annealed pruning of the largest and the smallest weights, dropout, none.

    python bench/papers/annealed.py --samples all --arms none dropout largest smallest --seeds 0 1 2 --out bench/results/annealed
    python bench/papers/annealed.py --report --out bench/results/annealed

Runs are independent, one JSON file each; what has its file is never trained again, so an interrupted sweep goes on where it stopped.
"""

import argparse

from sparsemlp.experiments import annealed

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    annealed.add_arguments(parser)
    annealed.main(parser.parse_args())
