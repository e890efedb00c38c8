"""How good results are: matching to ground truth, average precision, overlaps of masks, and what limits them."""
