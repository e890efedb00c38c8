"""A trained pipeline as one folder or file: grids, both steps of detection, ranking of candidates, and a manifest."""
