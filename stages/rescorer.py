"""The DVC stage `rescorer`."""

from hypercolumns.steps import train_rescorer
from stages.common import stage

main = stage(train_rescorer)

if __name__ == "__main__":
    main()
