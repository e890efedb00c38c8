"""The DVC stage `prepare`."""

from hypercolumns.steps import prepare_annotations
from stages.common import stage

main = stage(prepare_annotations)

if __name__ == "__main__":
    main()
