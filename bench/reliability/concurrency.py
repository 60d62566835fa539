"""Threads, processes, forks and numba's threading layers: each situation in a fresh process, its outcome in a table.

"right" means bit-equal to the same work done alone. python bench/reliability/concurrency.py [--quick] [--json FILE]
[--layer 0, 1 or 2]
"""

import glob
import importlib.util
import os
import subprocess
import sys
import threading

import numpy as np
from common import ROOT, Clock, data, digest, optimizers, options, report, topologies

LIMIT = 300  # seconds: a situation that takes longer is a deadlock
LAYERS = ("omp", "tbb", "workqueue")


def train(seed=0, topology="sparse", epochs=3):
    """The hash of a small training's final bits."""
    import sparsemlp as sm

    X, y = data(n=300)
    net = sm.MLP([12, 150, 120, 4], topologies()[topology], dropout=0.2, seed=seed)
    trainer = sm.Trainer(net, optimizers()["momentum"], policy=sm.SET())
    trainer.fit(X, y, epochs=epochs, batch_size=128)  # two tiles: threads help each other
    trainer.network.check()
    return digest(trainer.network)


def in_threads(*functions):
    """Results of functions run at the same time."""
    results, start = [None] * len(functions), threading.Barrier(len(functions))

    def run(k):
        start.wait()
        try:
            results[k] = functions[k]()
        except Exception as error:  # noqa: BLE001 - reported as the outcome
            results[k] = repr(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def use_all_threads():
    """As many as numba was started with, also if that is more than there are CPUs."""
    import numba

    import sparsemlp as sm

    sm.set_num_threads(numba.config.NUMBA_NUM_THREADS)


# ---- situations: each returns whether the result is right ----
def predict_from_many_threads():
    import sparsemlp as sm

    X, _ = data(n=700)
    net = sm.MLP([12, 150, 120, 4], topologies()["mixed"], seed=1)
    want = net.predict_proba(X)
    return all(np.array_equal(r, want) for _ in range(10) for r in in_threads(*[lambda: net.predict_proba(X)] * 16))


def predict_while_training():
    import sparsemlp as sm

    X, y = data(n=300)
    net = sm.MLP([12, 150, 120, 4], density=0.3, seed=1)
    trainer = sm.Trainer(net, policy=sm.SET())

    def look():
        return all(np.isfinite(net.predict_proba(X)).all() for _ in range(60))

    results = in_threads(lambda: len(trainer.fit(X, y, epochs=15, batch_size=32)), look, look)
    net.check()
    return results == [15, True, True]


def two_trainings():
    want = [train(0), train(1, "mixed")]
    return in_threads(lambda: train(0), lambda: train(1, "mixed")) == want


def one_network_in_two_trainings():
    """Right for one of them, a clear error for the other."""
    import sparsemlp as sm

    X, y = data(n=300)
    net = sm.MLP([12, 150, 120, 4], density=0.3, seed=1)
    trainers = [sm.Trainer(net, policy=sm.SET()) for _ in range(2)]
    found = in_threads(*[lambda t=t: len(t.fit(X, y, epochs=15, batch_size=32)) for t in trainers])
    net.check()
    return sorted(map(str, found))[0] == "15" and all(r == 15 or "RuntimeError" in r and "another thread" in r for r in found)


def threads_change_while_training():
    import numba

    import sparsemlp as sm

    want, most = train(epochs=20), numba.config.NUMBA_NUM_THREADS

    def change():
        for k in range(300):
            sm.set_num_threads(k % most + 1)
        return True

    return in_threads(lambda: train(epochs=20), change) == [want, True]


def joblib_processes():
    from joblib import Parallel, delayed

    return Parallel(n_jobs=2)(delayed(train)(k) for k in (0, 1, 0)) == [train(k) for k in (0, 1, 0)]


def joblib_threads():
    from joblib import Parallel, delayed

    return Parallel(n_jobs=3, prefer="threads")(delayed(train)(k) for k in (0, 1, 0)) == [train(k) for k in (0, 1, 0)]


def fork_and(work):
    """What a forked child's `work` returned; None if the child did not end well."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, work().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        got = file.read()
    return got if os.waitpid(pid, 0)[1] == 0 else None


def forked_child():
    want = train(), train(1, "mixed")
    return (fork_and(train), fork_and(lambda: train(1, "mixed"))) == want and (train(), train(1, "mixed")) == want


def forked_by_a_thread():
    """A fork while another thread holds the engine."""
    want, results = train(), []
    thread = threading.Thread(target=lambda: results.append(train(epochs=30)))
    thread.start()
    right = all(fork_and(train) == want for _ in range(5))
    thread.join()
    return right and len(results) == 1 and train() == want


def forked_inside_the_engine():
    """A fork by the thread that holds the engine."""
    import sparsemlp as sm

    want = train()
    with sm.engine.threads.engine():
        first = fork_and(train)
    return first == want and fork_and(train) == want and train() == want


def forked_after_numba_parallel():
    """A fork after another library's parallel function, before the parent trained: its threads are gone in the child all the same."""
    other_parallel()(10_000)
    got = fork_and(train)
    return got == train()


def forked_pool():
    """multiprocessing's pool of forked workers, after the parent trained."""
    import multiprocessing

    want = [train(k) for k in (0, 1, 0)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(train, (0, 1, 0)) == want


def forked_twice():
    """A child's own child."""
    want = train()
    return fork_and(lambda: fork_and(train) or "none") == want


def beside_numba_parallel():
    """Another parallel numba function before, between and after."""
    parallel = other_parallel()
    parallel(10_000)
    want = train()
    return parallel(10_000) == 49_995_000 and train() == want and parallel(100) == 4950


def with_numba_parallel_in_a_thread():
    """The same, at the same time: numba itself forbids it on workqueue."""
    parallel = other_parallel()
    parallel(10)
    want = train()
    return in_threads(train, lambda: all(parallel(10_000) == 49_995_000 for _ in range(300))) == [want, True]


def other_parallel():
    import numba

    @numba.njit(parallel=True)
    def parallel(n):
        total = 0
        for i in numba.prange(n):
            total += i
        return total

    return parallel


def threads_do_not_matter():
    import numba

    import sparsemlp as sm

    found = set()
    for n in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        sm.set_num_threads(n)
        found.add(train())
    return len(found) == 1


def numbas_own_count_stays():
    import numba

    numba.set_num_threads(1)
    train()
    return numba.get_num_threads() == 1


SITUATIONS = [
    predict_from_many_threads, predict_while_training, two_trainings, one_network_in_two_trainings, threads_change_while_training,
    joblib_processes, joblib_threads, forked_child, forked_twice, forked_by_a_thread, forked_inside_the_engine,
    forked_after_numba_parallel, forked_pool, beside_numba_parallel, with_numba_parallel_in_a_thread, threads_do_not_matter,
    numbas_own_count_stays,
]  # fmt: skip
FORBIDDEN = {("with_numba_parallel_in_a_thread", "workqueue"): "numba's rule, not ours: two parallel regions at once end the process"}


def environment(**more):
    """That of a child, where it finds this checkout and, if pip installed it, the TBB library."""
    here = os.path.dirname(os.path.abspath(__file__))
    full = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, here, os.environ.get("PYTHONPATH")))), **more}
    if glob.glob(os.path.join(sys.prefix, "lib", "libtbb.so*")):
        full["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, (os.path.join(sys.prefix, "lib"), os.environ.get("LD_LIBRARY_PATH"))))
    return full


def available(layer):
    """Whether numba can use this threading layer here."""
    code = "import concurrency; concurrency.other_parallel()(10); import numba; print(numba.threading_layer())"
    env = environment(NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env).stdout.strip() == layer


def missing(name):
    """What this situation needs and this system lacks, or None."""
    if name.startswith("fork") and not hasattr(os, "fork"):
        return "fork"
    return "joblib" if name.startswith("joblib") and importlib.util.find_spec("joblib") is None else None


def outcome(name, **more):
    """What became of one situation in a fresh process."""
    if missing(name):
        return f"skipped: no {missing(name)} here"
    code = f"import concurrency as c, sys; c.use_all_threads(); sys.exit(0 if c.{name}() else 9)"
    full = environment(PYTHONWARNINGS="ignore", **more)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=full)
    try:
        _, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no end after {LIMIT} s"
    if process.returncode == 0:
        return "right"
    return "wrong result" if process.returncode == 9 else f"ended with {process.returncode}: {err.strip().splitlines()[-1:]}"


def main():
    args = options(__doc__, layer=-1)
    clock, rows, failures = Clock(), [], []
    layers = [layer for k, layer in enumerate(LAYERS) if args.layer in (-1, k) and available(layer)]
    cpus = os.cpu_count() or 1
    threads = [(str(n), f"{n} thread" + "s" * (n > 1)) for n in sorted({1, 2, cpus, 2 * cpus + 3})]
    if args.quick:
        matrix = [(layers[-1], *threads[1])]
        situations = [predict_from_many_threads, two_trainings, forked_after_numba_parallel]
    else:
        matrix = [(layer, *t) for layer in layers for t in threads]
        situations = SITUATIONS
    for layer, n, words in matrix:
        for function in situations:
            name = function.__name__
            got = outcome(name, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS=n, OPENBLAS_NUM_THREADS="1")
            note = FORBIDDEN.get((name, layer), "") if n != "1" else ""
            rows.append({"layer": layer, "threads": int(n), "situation": name, "outcome": got, "note": note})
            print(f"{layer:<10} {words:<24} {name:<34} {got}{' (' + note + ')' if note else ''}", flush=True)
            if not (got == "right" or got.startswith("skipped") or note):
                failures.append(f"{layer}, {words}, {name}: {got}")
    report(args, "concurrency", not failures, layers=layers, rows=rows, failures=failures, seconds=clock())


if __name__ == "__main__":
    main()
