"""The DVC stage `detector`."""

from hypercolumns.steps import train_detector
from stages.common import stage

main = stage(train_detector)

if __name__ == "__main__":
    main()
