"""Networks: chains of layers, and what looks at or changes them as a whole."""
