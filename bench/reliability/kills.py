"""SIGKILL at random instants of checkpointed trainings; each is resumed, and the final bits are those of a run without a kill.

Trainings run in forked children of a warm process; every tenth is resumed in a fresh one instead.
python bench/reliability/kills.py [--quick] [--json FILE] [--kills 200]
"""

import collections
import itertools
import os
import random
import signal
import subprocess
import sys
import time

from common import ROOT, Clock, data, digest, folder, optimizers, options, policies, report, topologies

EPOCHS = 12
FRESH_EVERY = 10
ENVIRONMENT = {**os.environ, "PYTHONPATH": ROOT, "SPARSEMLP_DEBUG": "1", "NUMBA_NUM_THREADS": "1"}


def train(path, policy, optimizer, topology):
    """One checkpointed training, from the checkpoint on if there is one; the hash of the final bits."""
    import sparsemlp as sm

    X, y = data()
    if os.path.exists(path):
        trainer = sm.load(path)
    else:
        net = sm.MLP([12, 40, 30, 4], topologies()[topology], dropout=0.2, seed=5)
        trainer = sm.Trainer(net, optimizers()[optimizer], policy=policies()[policy], debug=True)
    trainer.callbacks = [sm.Checkpoint(path)]
    trainer.fit(X, y, epochs=EPOCHS, batch_size=20, resume=True)
    trainer.network.check()
    return digest(trainer.network)


def forked(path, case):
    """(process id, where its result can be read) of a child that trains."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            os.write(write, train(path, *case).encode())
        except BaseException as error:  # noqa: BLE001 - reported by the parent
            os.write(write, f"{type(error).__name__}: {error}"[:400].encode())
        finally:
            os._exit(0)
    os.close(write)
    return pid, read


def killed(path, case, delay):
    """Whether the child was still training when the signal came."""
    pid, read = forked(path, case)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    os.close(read)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def resumed(path, case, *, fresh):
    """The final hash, or what went wrong."""
    if fresh:
        here = os.path.dirname(os.path.abspath(__file__))
        code = f"import sys; sys.path.insert(0, {here!r}); import kills; print(kills.train(*sys.argv[1:]))"
        done = subprocess.run([sys.executable, "-c", code, path, *case], env=ENVIRONMENT, capture_output=True, text=True)
        return done.stdout.strip() or f"ended with {done.returncode}: {done.stderr[-300:]}"
    pid, read = forked(path, case)
    with os.fdopen(read) as file:
        found = file.read()
    os.waitpid(pid, 0)
    return found


def main():
    args = options(__doc__, kills=200)
    if not hasattr(os, "fork"):
        report(args, "kills", True, skipped="this system cannot fork", failures=[], seconds=0.0)
    import sparsemlp as sm

    sm.set_num_threads(1)  # a child made by fork works alone, and its parent must not have started threads
    clock, rng = Clock(), random.Random(args.seed)
    total = min(args.kills, 5) if args.quick else args.kills
    cases = list(itertools.product(policies(), optimizers(), topologies()))
    rng.shuffle(cases)
    cases = cases[:3] if args.quick else cases
    outcomes, failures, kills, runs, wanted, lasts = collections.Counter(), [], 0, 0, {}, {}
    with folder() as place:
        while kills < total:
            case = cases[runs % len(cases)]
            if case not in wanted:
                train(os.path.join(place, f"first{runs}.sm"), *case)  # loads what it needs
                time_of = Clock()
                wanted[case] = train(os.path.join(place, f"whole{runs}.sm"), *case)
                lasts[case] = time_of()
            path = os.path.join(place, f"{runs}.sm")
            n = sum(killed(path, case, rng.random() * lasts[case]) for _ in range(rng.choice([1, 1, 2])))
            runs += 1
            if not n:
                continue  # it had ended: nothing to resume
            found = resumed(path, case, fresh=runs % FRESH_EVERY == 0)
            kills += n
            outcome = "same bits" if found == wanted[case] else "other bits" if len(found) == 64 else found
            outcomes[outcome[:60]] += 1
            if outcome != "same bits":
                failures.append(f"{case}: {outcome}")
    tried = {"policies": sorted({case[0] for case in wanted}), "optimizers": sorted({case[1] for case in wanted})}
    numbers = {"kills": kills, "runs": sum(outcomes.values()), "cases": len(wanted), **tried}
    report(args, "kills", not failures, **numbers, outcomes=outcomes, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
