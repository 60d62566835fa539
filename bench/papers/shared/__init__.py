"""What the papers' experiments share: runs, statistics, tables."""
