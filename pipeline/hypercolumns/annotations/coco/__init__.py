"""COCO data sets: annotation files, checked entry by entry."""
