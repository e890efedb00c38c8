"""Detections: boxes scored by region classifiers on one network pass per photograph, or boxes from elsewhere."""
