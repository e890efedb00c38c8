"""What a user could run instead, on the same photographs: programs of the peers' environment, and `comparison`."""
