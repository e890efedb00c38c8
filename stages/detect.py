"""The DVC stage `detect`."""

from hypercolumns.steps import detect_objects
from stages.common import stage

main = stage(detect_objects)

if __name__ == "__main__":
    main()
