"""A trained pipeline as one folder or file: grids, detector, ranking of candidates, and a manifest."""
