"""The DVC stage `train`."""

from hypercolumns.steps import train_task
from stages.common import TASK, stage

main = stage(train_task, TASK)

if __name__ == "__main__":
    main()
