"""Extract a feature store: compute the blocks of regions part by part, resuming after an interruption."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import Photographs, photograph_digests
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.cluster.devices import device_of_networks
from hypercolumns.errors import InputError
from hypercolumns.features import schema
from hypercolumns.features.generations import Generations
from hypercolumns.features.known_blocks import EarlierStore, KnownBlocks
from hypercolumns.features.passes import REGIONS_PER_PASS, precision, versions
from hypercolumns.features.photograph_maps import MAX_ASPECT_RATIO, MIN_SAMPLES_PER_SIDE
from hypercolumns.features.plan import Plan
from hypercolumns.features.sharded import write_shards
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.streams import Streams
from hypercolumns.features.writer import FeatureStoreWriter, require_sorted
from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.place import Place, place_at
from hypercolumns.scratch.digests import key_digest
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import locked
from hypercolumns.stores.references import FEATURES, is_complete_at, publish_reference, upload
from hypercolumns.stores.whole_shards import UNFINISHED_MANIFEST

if TYPE_CHECKING:
    from distributed import Client


def extract(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    out: Path | str,
    *,
    scratch: Path | str,
    expansion: float,
    short_side: int | None = None,
    compute: ComputeParameters | None = None,
    reuse: Sequence[Path] = (),
    confirm: Callable[[str, NDArray[np.uint8]], object] | None = None,
    client: "Client | None" = None,
) -> FeatureStore:
    """Write the hypercolumn blocks of `regions` to the feature store `out`.

    Only blocks that no earlier call computed are computed: those of regions with the same photograph, expanded box,
    network and warping are found again below `scratch`, which keeps the last store by the file name of `out`, and what
    an interrupted call left. The bytes of the store are always those of a first call.

    Parameters
    ----------
    regions
        Table made by `selection`, sorted by category.
    annotations
        Names the photographs of `regions`.
    backbone
        The network and its layers; moved to the device of `compute`.
    out
        Replaced if it exists.
    scratch
        Folder for unfinished work and for the last store, whose files are linked with those of `out`, or copied if it
        is on another file system.
    expansion
        Factor by which both sides of a box are scaled before the network sees it.
    short_side
        None: every region passes the network alone, warped to its input size (`regions.mode: warp`). Otherwise every
        photograph passes the network once, scaled to this short side in pixels, and blocks of the same shapes are cut
        out of its maps (`regions.mode: image`).
    compute
        Device; the number of regions that are warped at a time, which does not affect the result; and the object store
        in which the store is written, if any: `out` is then a folder with its manifest and its address. None for the
        defaults.
    reuse
        Further stores whose blocks may be taken over, such as that at `out`; the caller knows that the same version of
        this package has written them.
    confirm
        Called with the attribute `key` of the store and the digests of its regions before anything is computed; may
        raise an error to prevent that.
    client
        Client of a Dask cluster, each of whose workers then computes and writes whole shards; None to compute in this
        process. The bytes are the same. Workers read the photographs and write the store by the paths of this process,
        or in the object store of `compute.storage`.

    Returns
    -------
    The finished store, opened for reading.

    Raises
    ------
    InputError
        When a photograph is missing, unreadable or of another size, a layer has values that are not finite, or a layer
        is not a map or a region is mirrored although `short_side` is given.
    PlaceError
        When the object store cannot be reached, or refuses.
    """
    require_sorted(regions)
    if short_side is not None and (regions["kind"] == "mirrored").any():
        raise InputError("Mirrored regions pass the network alone; they cannot be cut out of the maps of photographs.")
    out, compute = Path(out), compute or ComputeParameters()
    device = device_of_networks(client, compute.device)
    # Blocks have the same shapes in both modes, so that later steps need not know the mode.
    shapes = block_shapes(backbone)
    network = _network(backbone, short_side, device)
    contents = photograph_digests(annotations, regions["image"].unique().tolist())
    digests = _digests(regions, contents, expansion, network)
    attributes = _attributes(backbone, short_side, annotations, network, regions, digests)
    if confirm is not None:
        confirm(attributes["key"], digests)
    work = _Work(
        regions=regions,
        annotations=annotations,
        backbone=backbone,
        device=device,
        contents=contents,
        digests=digests,
        attributes=attributes,
        expansion=expansion,
        short_side=short_side,
        batch_size=compute.batch_size,
        shapes=shapes,
        scratch=Path(scratch),
        client=client,
    )
    with locked(work.scratch), Generations(work.scratch / "extract" / out.name, attributes["key"]) as generations:
        if compute.storage is None:
            work.into_folder(out, generations, reuse)
        else:
            work.into_object_store(place_at(compute.storage), out, generations, reuse)
    return FeatureStore.open(out)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The inputs of one call of `extract`."""

    regions: pd.DataFrame
    annotations: AnnotationSet
    backbone: Backbone
    device: torch.device
    contents: Mapping[int, bytes]
    """Digests of the photographs by image id."""
    digests: NDArray[np.uint8]
    """Digests of the regions."""
    attributes: Mapping[str, Any]
    expansion: float
    short_side: int | None
    batch_size: int
    shapes: schema.Shapes
    scratch: Path
    client: "Client | None"

    def into_folder(self, out: Path, generations: Generations, reuse: Sequence[Path]) -> None:
        """Write the store to a folder."""
        if not generations.is_complete():
            plan = self._plan(generations.earlier(self.shapes, self.digests, reuse), None)
            if self.client is None:
                with FeatureStoreWriter(generations.store, self.shapes) as writer:
                    _write_blocks(plan, self._prepared(plan), self.device, writer, generations.spool, out.name)
                    self._finish(writer)
            else:
                self._write_shards(plan, place_at(generations.store), generations.store, out.name)
        publish(generations.store, out, keep=True)

    def into_object_store(self, storage: Place, out: Path, generations: Generations, reuse: Sequence[Path]) -> None:
        """Write the store below an address, and a folder at `out` that refers to it."""
        place = storage.below(f"{FEATURES}/{out.stem}-{generations.name}")
        if not is_complete_at(place):
            earlier = generations.earlier(self.shapes, self.digests, [*reuse, *generations.of_same_code(out)])
            plan = self._plan(earlier, storage)
            with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
                self._write_shards(plan, place, Path(folder), out.name)
                upload(Path(folder), place)
            place.delete([UNFINISHED_MANIFEST])
        publish_reference(place, out)

    def _plan(self, earlier: Sequence[EarlierStore], storage: Place | None) -> Plan:
        photographs = Photographs.of(self.annotations).only(self.contents)
        if self.client is not None:
            photographs = photographs.copied_to(storage, self.contents)
        known = KnownBlocks(earlier)
        images, boxes = self.regions["image"].to_numpy(), schema.expanded_boxes(self.regions, self.expansion)
        found = known.find(self.digests)
        return Plan(images, boxes, photographs, self.short_side, self.batch_size, self.shapes, found, known.rows)

    def _write_shards(self, plan: Plan, place: Place, folder: Path, name: str) -> None:
        """Write the shards of the blocks to a place, and the rest of the store to a folder."""
        network = self._prepared(plan) if self.client is None else plan.seen_by(self.backbone)
        files = write_shards(plan, network, self.device, place, self.client, name)
        with FeatureStoreWriter(folder, self.shapes, files) as writer:
            writer.adopt(len(self.regions))
            self._finish(writer)

    def _prepared(self, plan: Plan) -> Backbone:
        """The network as this process runs it."""
        return prepare(plan.seen_by(self.backbone), self.device, plan.sizes, self.scratch)

    def _finish(self, writer: FeatureStoreWriter) -> None:
        writer.finish(self.regions, self.digests, self.expansion, self.attributes)


def _write_blocks(
    plan: Plan, network: Backbone, device: torch.device, writer: FeatureStoreWriter, spool: Path, name: str
) -> None:
    """Write the blocks of all regions that `writer` does not have yet."""
    total = len(plan.images)
    with (
        tqdm(total=total, initial=writer.rows, unit=" regions", desc=name, dynamic_ncols=True) as progress,
        ThreadPoolExecutor(1) as pool,
        Streams(network, device) as streams,
    ):
        written: Future[None] = Future()
        written.set_result(None)
        for blocks in plan.blocks(writer.rows, streams, device, spool, progress):
            written.result()  # bounds memory: at most one part waits to be written
            written = pool.submit(writer.append, blocks)
        written.result()


def block_shapes(backbone: Backbone) -> schema.Shapes:
    """Measure the shapes of a region's blocks with one forward pass."""
    side = backbone.input_size
    with torch.inference_mode():
        # An earlier extraction may have moved the backbone to another device.
        maps = backbone(torch.zeros(1, 3, side, side, device=backbone.device))
    return {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}


def _attributes(
    backbone: Backbone,
    short_side: int | None,
    annotations: AnnotationSet,
    network: Mapping[str, Any],
    regions: pd.DataFrame,
    digests: NDArray[np.uint8],
) -> dict[str, Any]:
    """Root attributes of the store; without times and paths, so that equal input gives equal bytes."""
    categories = {str(c.id): c.name for c in annotations.categories}
    table = hashlib.sha256(digests.tobytes())
    for name, dtype in schema.COLUMNS.items():
        column = regions[name]
        table.update(" ".join(column).encode() if name == "kind" else column.to_numpy().astype(dtype).tobytes())
    key = {"regions": table.hexdigest(), "categories": categories, "network": network, "schema": schema.SCHEMA}
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": {
            "mode": "warp" if short_side is None else "image",
            "input_size": backbone.input_size,
            "mean": list(backbone.mean),
            "std": list(backbone.std),
            "resampling": "bilinear, antialiased",
            **({"outside": "mean colour"} if short_side is None else {"short_side": short_side, "outside": "nearest"}),
            **({"normalised": backbone.normalised} if backbone.normalised else {}),
        },
        "precision": network["precision"],
        "categories": categories,
        "key": key_digest(key),
        "versions": network["versions"],
    }


def _network(backbone: Backbone, short_side: int | None, device: torch.device) -> dict[str, Any]:
    """Everything but photograph and box that the blocks of a region depend on."""
    return {
        "backbone": backbone.name,
        "weights": [backbone.weights, backbone.weights_sha256],
        "layers": [layer.key for layer in backbone.layers],
        "preprocessing": [backbone.input_size, backbone.mean, backbone.std],
        "whole_photographs": None if short_side is None else [short_side, MAX_ASPECT_RATIO, MIN_SAMPLES_PER_SIDE],
        "regions_per_pass": REGIONS_PER_PASS,
        "precision": precision(backbone, device),
        "versions": versions(backbone, device),
    }


def _digests(
    regions: pd.DataFrame, files: Mapping[int, bytes], expansion: float, network: Mapping[str, Any]
) -> NDArray[np.uint8]:
    """Digest of what the blocks of each region depend on: (region, `schema.DIGEST_BYTES`)."""
    expanded = schema.expanded_boxes(regions, expansion)
    shared = bytes.fromhex(key_digest(network))
    digests = np.empty((len(regions), schema.DIGEST_BYTES), np.uint8)
    for digest, image, box in zip(digests, regions["image"], np.ascontiguousarray(expanded), strict=True):
        content = hashlib.sha256(shared + files[image] + box.tobytes()).digest()
        digest[:] = np.frombuffer(content[: schema.DIGEST_BYTES], np.uint8)
    return digests
