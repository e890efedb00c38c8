"""Reading one split of a data set, with the counts of what was left out."""

from dataclasses import replace

from hypercolumns.annotations import readers
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import TASK_SECTIONS, DatasetParameters


def read_split(settings: DatasetParameters, split="train", tasks=tuple(TASK_SECTIONS)) -> AnnotationSet:
    """Annotations of a split, without looking at the photographs."""
    bad_items = BadItems(settings.skip_bad, tasks)
    found = readers.read(settings, split, bad_items)
    return replace(found, counts={**found.counts, **bad_items.counts})
