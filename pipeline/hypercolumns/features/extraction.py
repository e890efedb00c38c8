"""Extract a feature store: compute the blocks of regions part by part, resuming after an interruption."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.backbones.spatial import spatial
from hypercolumns.devices import choose_device
from hypercolumns.errors import InputError
from hypercolumns.features import photographs, schema
from hypercolumns.features.generations import Generations
from hypercolumns.features.known_blocks import NOT_KNOWN, KnownBlocks
from hypercolumns.features.passes import REGIONS_PER_PASS, Blocks, precision, versions
from hypercolumns.features.photograph_maps import MAX_ASPECT_RATIO, MIN_SAMPLES_PER_SIDE
from hypercolumns.features.photograph_source import PhotographSource, Spool
from hypercolumns.features.region_source import PhotographCache, WarpedRegionSource
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.streams import Streams
from hypercolumns.features.writer import FeatureStoreWriter, require_sorted
from hypercolumns.parameters import ComputeParameters
from hypercolumns.scratch.digests import key_digest
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import locked


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
        Device, and the number of regions that are warped at a time, which does not affect the result; None for the
        defaults.
    reuse
        Further stores whose blocks may be taken over, such as that at `out`; the caller knows that the same version of
        this package has written them.
    confirm
        Called with the attribute `key` of the store and the digests of its regions before anything is computed; may
        raise an error to prevent that.

    Returns
    -------
    The finished store, opened for reading.

    Raises
    ------
    InputError
        When a photograph is missing, unreadable or of another size, a layer has values that are not finite, or a layer
        is not a map or a region is mirrored although `short_side` is given.
    """
    require_sorted(regions)
    if short_side is not None and (regions["kind"] == "mirrored").any():
        raise InputError("Mirrored regions pass the network alone; they cannot be cut out of the maps of photographs.")
    out, compute = Path(out), compute or ComputeParameters()
    device = choose_device(compute.device)
    # Blocks have the same shapes in both modes, so that later steps need not know the mode.
    shapes = block_shapes(backbone)
    network = _network(backbone, short_side, device)
    digests = _digests(regions, annotations, expansion, network)
    attributes = _attributes(backbone, short_side, annotations, network, regions, digests)
    if confirm is not None:
        confirm(attributes["key"], digests)
    with locked(Path(scratch)), Generations(Path(scratch) / "extract" / out.name, attributes["key"]) as generations:
        if not generations.is_complete():
            known = KnownBlocks(generations.earlier(shapes, digests, reuse))
            sizes = expansion, short_side, compute.batch_size
            plan = _Plan(regions, annotations, backbone, device, *sizes, shapes, Path(scratch))
            with FeatureStoreWriter(generations.store, shapes) as writer:
                _write_blocks(plan, digests, known, writer, generations.spool, out.name)
                writer.finish(regions, digests, expansion, attributes)
        publish(generations.store, out, keep=True)
    return FeatureStore.open(out)


@dataclass(frozen=True)
class _Plan:
    """The inputs that decide how blocks are computed."""

    regions: pd.DataFrame
    annotations: AnnotationSet
    backbone: Backbone
    device: torch.device
    expansion: float
    short_side: int | None
    batch_size: int
    shapes: schema.Shapes
    scratch: Path

    def network(self) -> Backbone:
        """Make the network that computes the maps."""
        if self.short_side is None:
            return prepare(self.backbone, self.device, "crops", self.scratch)
        return prepare(spatial(self.backbone), self.device, "photographs", self.scratch)

    def source(self, spool: Path) -> "WarpedRegionSource | PhotographSource":
        """Make the object that computes blocks."""
        images = self.regions["image"].to_numpy()
        expanded = schema.expanded_boxes(self.regions, self.expansion)
        if self.short_side is None:
            cache = PhotographCache(self.annotations)
            return WarpedRegionSource(cache, images, expanded, self.device, self.batch_size)
        kept = Spool(spool, len(self.regions), self.shapes)
        return PhotographSource(self.annotations, images, expanded, self.device, self.shapes, self.short_side, kept)


def _write_blocks(
    plan: _Plan, digests: NDArray[np.uint8], known: KnownBlocks, writer: FeatureStoreWriter, spool: Path, name: str
) -> None:
    """Write the blocks of all regions that `writer` does not have yet: known ones are copied, others computed."""
    pieces = schema.parts(len(digests), writer.rows)
    found = known.find(digests)
    missing = np.flatnonzero(found[writer.rows :] == NOT_KNOWN) + writer.rows
    source = plan.source(spool)
    with (
        tqdm(total=len(digests), initial=writer.rows, unit=" regions", desc=name, dynamic_ncols=True) as progress,
        ThreadPoolExecutor(1) as pool,
        Streams(plan.network(), plan.device) as streams,
    ):
        computed = _regions(source.compute(missing, streams, progress))
        written: Future[None] = Future()
        written.set_result(None)
        for piece in pieces:
            rows = np.arange(piece.start, piece.stop)
            is_known = found[piece] != NOT_KNOWN
            copied = known.read(found[piece][is_known]) if is_known.any() else None
            if copied is not None:
                progress.update(int(is_known.sum()))
            elif is_known.any():  # damaged; computing counts them
                copied = _stack(list(_regions(source.compute(rows[is_known], streams, progress))))
            fresh = _stack(list(itertools.islice(computed, int((~is_known).sum()))))
            blocks = _merge(is_known, copied, fresh)
            written.result()  # bounds memory: at most one part waits to be written
            written = pool.submit(writer.append, blocks)
        written.result()


def _regions(batches: Iterable[Blocks]) -> Iterator[Blocks]:
    """Split batches into blocks of single regions, without the axis of regions."""
    for batch in batches:
        for row in range(len(next(iter(batch.values())))):
            yield {name: block[row] for name, block in batch.items()}


def _stack(regions: list[Blocks]) -> Blocks | None:
    return {name: np.stack([region[name] for region in regions]) for name in regions[0]} if regions else None


def _merge(is_first: NDArray[np.bool_], first: Blocks | None, second: Blocks | None) -> Blocks:
    """Put the regions of `first` where `is_first`, those of `second` elsewhere."""
    if first is None or second is None:
        return first or second or {}
    merged = {name: np.empty((len(is_first), *block.shape[1:]), block.dtype) for name, block in first.items()}
    for name, block in merged.items():
        block[is_first], block[~is_first] = first[name], second[name]
    return merged


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
    regions: pd.DataFrame, annotations: AnnotationSet, expansion: float, network: Mapping[str, Any]
) -> NDArray[np.uint8]:
    """Digest of what the blocks of each region depend on: (region, `schema.DIGEST_BYTES`)."""
    files = photographs.digests(annotations, regions["image"].unique().tolist())
    expanded = schema.expanded_boxes(regions, expansion)
    shared = bytes.fromhex(key_digest(network))
    digests = np.empty((len(regions), schema.DIGEST_BYTES), np.uint8)
    for digest, image, box in zip(digests, regions["image"], np.ascontiguousarray(expanded), strict=True):
        content = hashlib.sha256(shared + files[image] + box.tobytes()).digest()
        digest[:] = np.frombuffer(content[: schema.DIGEST_BYTES], np.uint8)
    return digests
