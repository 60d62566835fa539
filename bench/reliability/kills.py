"""SIGKILL at random instants of checkpointed trainings; each is resumed, and the final bits are those of a run without a kill.

python bench/reliability/kills.py [--quick] [--json FILE] [--kills 200]
"""

import collections
import hashlib
import itertools
import os
import random
import subprocess
import sys
import time

from common import ROOT, Clock, data, folder, optimizers, options, policies, report, state, topologies

EPOCHS = 12
WINDOW = 0.6  # seconds after the first checkpoint within which the kill comes
ENVIRONMENT = {**os.environ, "PYTHONPATH": ROOT, "SPARSEMLP_DEBUG": "1"}


def train(path, policy, optimizer, topology, *, slow=0.0):
    """One checkpointed training, from the checkpoint on if there is one; the hash of the final bits."""
    import sparsemlp as sm

    class Slow(sm.Callback):
        """Makes an epoch last, so that a kill finds it anywhere."""

        def on_epoch_end(self, trainer, record):
            time.sleep(slow)

    X, y = data()
    if os.path.exists(path):
        trainer = sm.load(path)
    else:
        net = sm.MLP([12, 40, 30, 4], topologies()[topology], dropout=0.2, seed=5)
        trainer = sm.Trainer(net, optimizers()[optimizer], policy=policies()[policy])
    trainer.callbacks = [sm.Checkpoint(path), Slow()]
    trainer.fit(X, y, epochs=EPOCHS, batch_size=20, resume=True)
    trainer.network.check()
    return hashlib.sha256(state(trainer.network)).hexdigest()


def spawn(*case, slow):
    here = os.path.dirname(os.path.abspath(__file__))
    code = f"import sys; sys.path.insert(0, {here!r}); import kills; print(kills.train(*sys.argv[1:5], slow={slow}))"
    return subprocess.Popen([sys.executable, "-c", code, *case], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def one(case, path, rng, want):
    """Kill at a random instant, perhaps again, then let it end; what became of it."""
    n_kills = 0
    for _ in range(rng.choice([1, 1, 2])):
        process = spawn(path, *case, slow=0.02)
        while not os.path.exists(path) and process.poll() is None and rng.random() > 0.001:  # rarely before the first checkpoint
            time.sleep(0.005)
        time.sleep(rng.random() * WINDOW)
        if process.poll() is None:
            process.kill()
            n_kills += 1
        process.communicate()
    process = spawn(path, *case, slow=0.0)
    out, err = process.communicate()
    if process.returncode != 0:
        return n_kills, f"the resumed run ended with {process.returncode}: {err[-300:]}"
    return n_kills, "same bits" if out.strip() == want else "other bits"


def main():
    args = options(__doc__, kills=200)
    clock, rng = Clock(), random.Random(args.seed)
    total = min(args.kills, 3) if args.quick else args.kills
    cases = list(itertools.product(policies(), optimizers(), topologies()))
    rng.shuffle(cases)
    outcomes, failures, kills, runs, wanted = collections.Counter(), [], 0, 0, {}
    with folder() as place:
        while kills < total:
            case = cases[runs % len(cases)]
            if case not in wanted:
                wanted[case] = train(os.path.join(place, f"whole{runs}.sm"), *case)
            n, outcome = one(case, os.path.join(place, f"{runs}.sm"), rng, wanted[case])
            kills, runs = kills + n, runs + 1
            outcomes[outcome[:60]] += 1
            if outcome != "same bits":
                failures.append(f"{case}: {outcome}")
    report(args, "kills", not failures, kills=kills, runs=runs, cases=len(wanted), outcomes=outcomes, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
