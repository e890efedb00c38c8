"""How fast the pipeline is, beside the limits of the machine and what a user could run instead; `make bench`."""
