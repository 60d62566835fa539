"""What makes a step free of allocation: plans, batches, threads, the memory limit."""
