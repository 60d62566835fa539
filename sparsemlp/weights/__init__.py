"""The connections of one layer, sparse or dense, and the only code that changes which of them exist."""
