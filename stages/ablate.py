"""The DVC stage `ablate`."""

from hypercolumns.steps import ablate_layers
from stages.common import stage

main = stage(ablate_layers)

if __name__ == "__main__":
    main()
