"""The parts of bench/small_dense.py: data sets, nets of a budget, systems that train them, and the page."""
