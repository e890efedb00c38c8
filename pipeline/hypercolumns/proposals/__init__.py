"""Region candidates without a network: superpixels, trees over them, small unions, a learned ranking, a store."""
