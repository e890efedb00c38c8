"""Photographs: opening, turning, converting to RGB, and checking all of a data set."""
