"""Pictures of what is in a feature store."""
