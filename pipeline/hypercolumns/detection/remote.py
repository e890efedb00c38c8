"""Features of boxes on Dask workers, which keep the network and share the maps of photographs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import Image
from hypercolumns.backbones.blueprint import Blueprint
from hypercolumns.detection.candidate_set import Describe, Item, Result
from hypercolumns.detection.features import KeptMaps
from hypercolumns.features.streams import Streams

if TYPE_CHECKING:
    from distributed import Client

PHOTOGRAPHS_PER_TASK = 8
"""The function, which may hold classifiers of a megabyte, is sent once for so many photographs."""


@dataclass(frozen=True)
class RemoteFeatures:
    """As `features.PhotographFeatures`, computed by the workers of a cluster."""

    client: "Client"
    maps: KeptMaps
    blueprint: Blueprint
    """Makes the network on the workers."""

    def map(
        self, function: Callable[[Describe, Item], Result], items: Iterable[tuple[Image, Item]]
    ) -> Iterator[Result]:
        """Yield `function(describe, item)` for every image and item, in order; both are sent to a worker."""
        from hypercolumns.cluster.mapping import map_in_order, resources_of_networks

        apply = partial(_apply, function=function, blueprint=self.blueprint)
        source = iter(items)
        batches = iter(lambda: list(islice(source, PHOTOGRAPHS_PER_TASK)), [])
        with_maps = ((self.maps.only({image.id for image, _ in batch}), batch) for batch in batches)
        for results in map_in_order(self.client, apply, with_maps, resources_of_networks(self.client)):
            yield from results


def _apply(
    maps: KeptMaps,
    batch: list[tuple[Image, Item]],
    function: Callable[[Describe, Item], Result],
    blueprint: Blueprint,
) -> list[Result]:
    network = blueprint.prepared(maps.device, "photographs")
    with threadpool_limits(1), Streams(network, maps.device, streams=1) as streams:
        results = streams.map(lambda copy, pair: function(maps.describe(copy, pair[0]), pair[1]), batch)
        return list(results)
