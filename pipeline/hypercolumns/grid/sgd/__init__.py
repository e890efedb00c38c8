"""The stochastic solver: scikit-learn's `SGDClassifier` on sampled pixels."""
