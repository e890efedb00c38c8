"""The DVC stage `propose`."""

from hypercolumns.steps import propose_regions
from stages.common import stage

main = stage(propose_regions)

if __name__ == "__main__":
    main()
