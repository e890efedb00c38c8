"""Places where files lie: a folder, or an address below which an object store keeps them."""
