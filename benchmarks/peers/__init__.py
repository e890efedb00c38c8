"""Peers: what a user could run instead, on the same photographs; `comparison` runs them in an environment of theirs."""
