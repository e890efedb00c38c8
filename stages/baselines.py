"""The DVC stage `baselines`."""

from hypercolumns.steps import predict_baselines
from stages.common import TASK, stage

main = stage(predict_baselines, TASK)

if __name__ == "__main__":
    main()
