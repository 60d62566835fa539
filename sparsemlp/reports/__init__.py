"""Reports: what a net weighs and costs, and figures of what it learned."""
