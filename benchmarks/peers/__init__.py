"""What a user could run instead, on the same photographs."""

from benchmarks.peers.comparison import figures

__all__ = ["figures"]
