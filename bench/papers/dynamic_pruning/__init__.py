"""Dynamic pruning rates."""
