"""Every test runs with all invariants checked after each topology change, and with Ctrl-C as a terminal would send it."""

import os
import pathlib
import signal
import sys

os.environ.setdefault("SPARSEMLP_DEBUG", "1")
sys.path.append(str(pathlib.Path(__file__).parents[1]))  # for bench/, which is not installed
if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
    # A shell's background job ignores the signal, and so would its children: tests of interrupted trainings would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
