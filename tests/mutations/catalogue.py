"""All readers of input from outside and from other machines, in groups that are judged together."""

from collections.abc import Mapping, Sequence

from tests.mutations.coco_readers import coco_readers, photograph_readers
from tests.mutations.harness import Reader
from tests.mutations.other_readers import other_readers
from tests.mutations.own_readers import bundle_readers, own_json_readers, store_readers, weights_readers
from tests.mutations.voc_readers import voc_readers

GROUPS: Mapping[str, Sequence[Reader]] = {
    "coco": coco_readers(),
    "photographs": photograph_readers(),
    "voc": voc_readers(),
    "results and parameters": other_readers(),
    "stored annotations and results": own_json_readers(),
    "stores": store_readers(),
    "bundles": bundle_readers(),
    "weights": weights_readers(),
}
