"""Metrics: matching of predictions to ground truth, average precision, mask overlaps, and causes of lost precision."""
