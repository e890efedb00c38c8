"""Scored boxes: region classifiers on features of one pass per photograph, or boxes from outside."""
