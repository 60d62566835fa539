"""Every test runs with all invariants checked after each topology change."""

import os

os.environ.setdefault("SPARSEMLP_DEBUG", "1")
