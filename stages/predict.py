"""The DVC stage `predict`."""

from hypercolumns.steps import predict_task
from stages.common import TASK, stage

main = stage(predict_task, TASK)

if __name__ == "__main__":
    main()
