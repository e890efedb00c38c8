"""The steps of the pipeline as functions of the parameters and a workspace.

Each step reads what earlier steps wrote into the workspace, writes its files, returns the result and logs a
summary of it. Notebooks and the command line call the same functions.

Examples
--------
>>> from hypercolumns import Parameters, Workspace, steps
>>> parameters, workspace = Parameters.load("params.yaml"), Workspace()  # doctest: +SKIP
>>> steps.prepare_annotations(parameters, workspace)  # doctest: +SKIP
>>> steps.propose_regions(parameters, workspace)  # doctest: +SKIP
"""

from hypercolumns.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
