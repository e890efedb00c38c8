"""Results of the pipeline as files that annotation tools and other programs import."""
