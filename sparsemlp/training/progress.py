"""What a run shows on standard error: a progress bar, and a line while kernels are being compiled."""

import contextlib
import sys
import threading

NOTICE_AFTER = 2.0  # seconds that a first step may take before a line says that kernels are being compiled


@contextlib.contextmanager
def compiling_notice(first):
    """Say so on standard error if a first step takes long: kernels are compiled once and kept on disk."""
    if not first:
        yield
        return
    text = "sparsemlp: compiling kernels for this machine; the next run finds them on disk\n"
    timer = threading.Timer(NOTICE_AFTER, lambda: sys.stderr.write(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _NoBar(contextlib.nullcontext):
    def update(self, n):
        pass

    def show(self, record):
        pass


def progress_bar(progress, total, initial):
    """A tqdm bar over all steps of the run, or an object that shows nothing."""
    if not progress:
        return _NoBar()
    from tqdm import tqdm

    class Bar(tqdm):
        def show(self, record):
            names = {"loss": "loss", "val_accuracy": "val acc", "accuracy": "acc"}
            self.set_postfix({short: f"{record[k]:.4f}" for k, short in names.items() if k in record}, refresh=False)

    return Bar(total=total, initial=initial, unit="step", dynamic_ncols=True, file=sys.stderr)
