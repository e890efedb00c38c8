"""`hypercolumns layers`: print the layers of a network, and a choice of them to begin with."""

from typing import TYPE_CHECKING

import click

from hypercolumns.cli.command import command

if TYPE_CHECKING:
    from hypercolumns.backbones.listing import Listing


@command
@click.argument("name")
@click.option(
    "--size", default=224, type=click.IntRange(32, 8192), help="Side of the regions in pixels, backbone.input_size."
)
def main(name: str, size: int) -> None:
    """Print the layers of a network, and a choice of them.

    NAME is a value of backbone.name, such as efficientnet_lite0, torchvision:resnet50 or timm:vit_small_patch16_224.
    No weights are needed. Layers that are chosen have a star; bytes are those of a region in the feature store, before
    compression.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.backbones.listing import list_layers

    listing = list_layers(name, size)
    click.echo("\n".join([*_table(listing), "", *_yaml(listing)]))


def _table(listing: "Listing") -> list[str]:
    rows = [("layer", "channels", "height x width", "stride", "bytes")]
    for layer in listing.layers:
        star = "*" if layer.name in listing.features else " "
        stride = str(layer.stride or "-")
        size = f"{layer.height} x {layer.width}"
        rows.append((f"{star} {layer.name}", str(layer.channels), size, stride, f"{layer.bytes:,}"))
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        f"{name:{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, *cells in rows
    ]


def _yaml(listing: "Listing") -> list[str]:
    file = ["  file: PATH"] if listing.weights == "file" else []
    return [
        f"# {listing.bytes / 1e6:.2f} MB per region",
        "backbone:",
        f"  name: {listing.backbone}",
        f"  weights: {listing.weights}",
        *file,
        f"  layers: [{', '.join(listing.features)}]",
        f"  input_size: {listing.input_size}",
        f"  engine: {listing.engine}",
        "detection:",
        f"  layers: [{', '.join(listing.detection)}]",
    ]
