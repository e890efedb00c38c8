"""Masks, keypoints, parts and labels over photographs, and label images; the report and `segment` share it."""
