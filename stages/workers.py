"""What the workers of each command import, for the command itself and for who starts it."""

from pipeline.workers import PREDICTION, PROPOSALS, SOLVERS

IMPORTS = {
    "propose": (PROPOSALS,),
    "train": (SOLVERS,),
    "predict": (PREDICTION,),
    "baselines": (SOLVERS, PREDICTION),
    "ablate": (SOLVERS, PREDICTION),
}
