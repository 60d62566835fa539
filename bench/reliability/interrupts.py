"""Ctrl-C and SIGTERM at random instants of checkpointed trainings: the network in memory is valid, the checkpoint whole, the engine free.

Ctrl-C raises KeyboardInterrupt, and a program that handles SIGTERM raises SystemExit, both at whatever instruction Python is at.
Every fifth checkpoint is resumed to the end: the bits of the run that nothing interrupted.
python bench/reliability/interrupts.py [--quick] [--json FILE] [--interrupts 2000]
"""

import collections
import itertools
import os
import random
import signal
import sys
import threading

import numpy as np
from common import Clock, data, digest, folder, optimizers, options, policies, report, topologies

EPOCHS = 6
RESUME_EVERY = 5


def terminate(number, frame):
    raise SystemExit(128 + number)


def fit(trainer, path, **more):
    import sparsemlp as sm

    X, y = data()
    trainer.callbacks = [sm.Checkpoint(path), sm.JSONLog(path + ".json")]
    trainer.fit(X, y, batch_size=20, validation_data=(X[:30], y[:30]), **more)


def make(policy, optimizer, topology):
    import sparsemlp as sm

    net = sm.MLP([12, 60, 50, 4], topologies()[topology], dropout=0.2, seed=5)
    return sm.Trainer(net, optimizers()[optimizer], policy=policies()[policy], debug=False)


def faults_after(trainer, path):
    """What is wrong in memory and on disk after an interrupt, as text; None if nothing is."""
    import sparsemlp as sm

    net = trainer.network
    try:
        net.check()
        net.require_sound(bounds=True)
        if os.path.exists(path):
            sm.load(path).network.check()
        sm.save(path + ".now", trainer)
        sm.load(path + ".now").network.check()
        os.unlink(path + ".now")
    except Exception as error:  # noqa: BLE001 - reported as the outcome
        return f"{type(error).__name__}: {error}"
    left = [name for name in os.listdir(os.path.dirname(path)) if name.endswith(".part")]
    if left:
        return f"temporary files are left: {left}"
    found = []
    other = threading.Thread(target=lambda: found.append(np.isfinite(net._scores(data()[0])).all()), daemon=True)
    other.start()  # a lock that the interrupted thread kept would stop it
    other.join(60)
    return None if found == [True] else "another thread cannot predict"


def one(case, number, delay, path, wanted, *, resume):
    """Interrupt one training after `delay` seconds; (what happened, what is wrong or None)."""
    import sparsemlp as sm

    trainer, happened = make(*case), "ended before"
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            fit(trainer, path, epochs=EPOCHS)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (KeyboardInterrupt, SystemExit) as error:
        happened = type(error).__name__
        del error
    wrong = faults_after(trainer, path)
    if wrong is None and resume and os.path.exists(path):
        again = sm.load(path)
        fit(again, path, epochs=EPOCHS, resume=True)
        if digest(again.network) != wanted(case):
            wrong = f"other bits after resuming from epoch {again.epoch}"
        happened += ", resumed to the same bits"
    return happened, wrong


def main():
    args = options(__doc__, interrupts=2000)
    if not hasattr(signal, "setitimer"):
        report(args, "interrupts", True, skipped="this system has no timers that signal")
    clock, rng = Clock(), random.Random(args.seed)
    total = min(args.interrupts, 30) if args.quick else args.interrupts
    cases = list(itertools.product(policies(), optimizers(), topologies()))
    rng.shuffle(cases)
    finals, seconds, outcomes, failures = {}, {}, collections.Counter(), []

    def wanted(case):
        return finals[case]

    with folder() as place:
        for k in range(total):
            case = cases[k % len(cases)] if not args.quick else cases[k % 5]
            if case not in finals:
                trainer = make(*case)
                fit(trainer, os.path.join(place, "whole.sm"), epochs=EPOCHS)
                time_of = Clock()
                trainer = make(*case)
                fit(trainer, os.path.join(place, "whole.sm"), epochs=EPOCHS)
                finals[case], seconds[case] = digest(trainer.network), time_of()
            number = (signal.SIGINT, signal.SIGTERM)[k % 2]
            signal.signal(signal.SIGALRM, signal.default_int_handler if number == signal.SIGINT else terminate)
            path = os.path.join(place, f"{k}.sm")
            happened, wrong = one(case, number, 1e-4 + rng.random() * seconds[case], path, wanted, resume=k % RESUME_EVERY == 0)
            outcomes[f"{number.name}: {happened}"] += 1
            if wrong:
                failures.append(f"interrupt {k}, {case}: {wrong}")
            for name in (path, path + ".json"):
                if os.path.exists(name):
                    os.unlink(name)
    hit = sum(n for name, n in outcomes.items() if "ended before" not in name)
    ok = not failures and hit > total / 2
    report(args, "interrupts", ok, tries=total, interrupts=hit, cases=len(finals), outcomes=outcomes, failures=failures, seconds=clock())


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
