"""Papers' experiments, re-run: each module trains its arms, keeps one JSON file per run, and draws what the paper shows."""
