"""Region candidates without a network: superpixels, trees over them, unions of nodes, a learned ranking, a store."""
