"""Timing of training steps and predictions, side by side: what is compared, how it takes turns, what is made of the times."""
