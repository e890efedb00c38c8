"""Whether the metadata of a store can be believed, before memory is taken for what its arrays claim to hold."""

from hypercolumns.places.place import Place
from hypercolumns.stores import definitions
from hypercolumns.stores.arrays import StoredArray
from hypercolumns.stores.consistency import Content
from hypercolumns.stores.damage import Damage
from hypercolumns.stores.kinds import KINDS
from hypercolumns.stores.layout import ROOT
from hypercolumns.stores.manifest import Manifest
from hypercolumns.stores.metadata import Metadata, parse_json

_LARGEST_RATIO = 1 << 15
"""Most bytes per byte that Zstandard expands to: a block of 4 bytes may stand for 128 KB. RFC 8878, section 3.1.1.2."""


def first_fault(content: bytes, schema: str, place: Place, manifest: Manifest) -> Damage | None:
    """Find what is wrong with the metadata of a store of a schema; None if nothing is.

    Parameters
    ----------
    content
        Root metadata.
    schema
        The attribute `schema`. Metadata of others, and of kinds that are not listed in `kinds`, are not looked at.
    manifest
        Sizes of the files; those that lie at the place have been compared with it.
    """
    kind = next((kind for kind in KINDS if kind.schema == schema), None)
    try:
        root = parse_json(content)
    except ValueError as error:
        return Damage(ROOT, str(error))
    found = root.get("attributes", {}) if isinstance(root, dict) else None
    if kind is None or not isinstance(found, dict) or found.get("schema") != schema:
        return None  # another kind or version, which is refused in other words
    for fault in definitions.faults(kind.definition, root):
        return Damage(ROOT, fault)
    metadata = Metadata.of(place, root)
    for name, fault in metadata.faults.items():
        return Damage.of_array(name, fault)
    for name, array in metadata.arrays.items():
        if reason := _unbelievable(array, manifest):
            return Damage.of_array(name, reason)
    # The tables that say where the rows of each image lie; other content is checked by `hypercolumns verify`.
    tables = frozenset(name for name in metadata.arrays if name.startswith("images/"))
    return next(kind.check(Content(metadata.attributes, metadata.arrays, tables)), None)


def _unbelievable(array: StoredArray, manifest: Manifest) -> str | None:
    """Explain why the files of an array cannot hold it; None if they can."""
    if not array.nbytes:
        return None
    n_shards = array.layout.n_shards(array.rows)
    if n_shards > len(manifest.files):
        return f"its {array.rows} rows need {n_shards} shards, but the store has {len(manifest.files)} files"
    size = 0
    for shard in range(n_shards):
        name = array.layout.file(array.name, shard)
        if name not in manifest.files:
            return f"its shard {shard} is missing"
        size += manifest.files[name].size
    if array.nbytes > size * _LARGEST_RATIO:
        return f"its {size} bytes cannot hold the {array.nbytes} that its shape claims"
    return None
