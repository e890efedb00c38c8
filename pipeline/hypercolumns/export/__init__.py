"""Trained grids as networks for other programs: torch modules, ONNX files and torch.export archives."""
