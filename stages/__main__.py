"""Run a stage with `python -m stages NAME`; without a name, list the stages."""

from pathlib import Path

from hypercolumns.cli.group import LazyGroup

_HELPERS = {"__init__", "__main__", "common"}
_NAMES = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem not in _HELPERS)

main = LazyGroup(
    {name: f"stages.{name}" for name in _NAMES},
    name="stages",
    help="The stages of dvc.yaml. `dvc repro` runs them in order; each can also be run alone.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

if __name__ == "__main__":
    main(prog_name="python -m stages")
