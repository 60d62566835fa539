"""Experiments of papers, re-run: `python -m bench.papers.NAME`, from a checkout."""
