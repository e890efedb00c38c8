"""Keypoints from a separate source, for the instances of any data set."""
