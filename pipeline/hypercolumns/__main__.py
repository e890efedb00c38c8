"""`python -m hypercolumns`: the command line for people."""

from hypercolumns.cli.main import main

if __name__ == "__main__":
    main()
