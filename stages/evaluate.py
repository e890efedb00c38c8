"""The DVC stage `evaluate`."""

from hypercolumns.steps import evaluate_task
from stages.common import TASK, stage

main = stage(evaluate_task, TASK)

if __name__ == "__main__":
    main()
