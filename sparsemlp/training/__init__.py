"""The loop that trains a network, the policy's part in it, and what it reports."""
