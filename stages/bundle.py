"""The DVC stage `bundle`."""

from hypercolumns.steps import bundle_models
from stages.common import stage

main = stage(bundle_models)

if __name__ == "__main__":
    main()
