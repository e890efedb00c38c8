"""A trained model of the drawn scenes, which comes with the package, applied to new scenes."""
