"""All readers of input from outside, in groups that are judged together."""

from collections.abc import Mapping, Sequence

from tests.mutations.coco_readers import coco_readers, photograph_readers
from tests.mutations.harness import Reader
from tests.mutations.other_readers import other_readers
from tests.mutations.voc_readers import voc_readers

GROUPS: Mapping[str, Sequence[Reader]] = {
    "coco": coco_readers(),
    "photographs": photograph_readers(),
    "voc": voc_readers(),
    "results and parameters": other_readers(),
}
