"""The DVC stage `report`."""

from hypercolumns.steps import write_report
from stages.common import stage

main = stage(write_report)

if __name__ == "__main__":
    main()
