"""Tracing of a network into a program of torch operators, from which files in both formats are written."""

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from hypercolumns.errors import InputError
from hypercolumns.export.grids import Grids
from hypercolumns.export.network import CropNetwork

EXAMPLES = 2
"""Regions of the traced pass; torch takes a batch of one for a constant."""


def trace(network: CropNetwork | Grids) -> tuple[ExportedProgram, list[str]]:
    """Trace a network with any number of regions.

    Returns
    -------
    The program, and the names of its inputs: `crops` or the layers, then `category` if the model has several groups.

    Raises
    ------
    InputError
        If torch cannot trace the backbone.
    """
    if isinstance(network, CropNetwork):
        grids, names, what = network.grids, ["crops"], f"The backbone {network.backbone.name}"
        side = network.backbone.input_size
        data: object = torch.zeros(EXAMPLES, 3, side, side, device=network.backbone.device)
    else:
        grids, names, what = network, list(network.layers), "The model"
        data = network.example_maps(EXAMPLES)
    examples = [data]
    regions = {0: Dim("regions")}
    shapes: list[object] = [regions if isinstance(data, torch.Tensor) else dict.fromkeys(names, regions)]
    if grids.has_groups:
        names.append("category")
        examples.append(torch.zeros(EXAMPLES, dtype=torch.int64))
        shapes.append(regions)
    try:
        program = _trace(network, tuple(examples), tuple(shapes))
    except Exception as error:  # torch documents no common class for what it cannot trace
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{what} cannot be exported: torch.export fails with {type(error).__name__}: {reason}"
        ) from None
    return program, names


def _trace(network: nn.Module, examples: tuple[object, ...], shapes: tuple[object, ...]) -> ExportedProgram:
    """Trace a network, and drop what the heat maps do not need or other machines need not know."""
    with torch.inference_mode(False), torch.no_grad():
        program = torch.export.export(network, examples, dynamic_shapes=shapes, strict=False)
        program.graph.eliminate_dead_code()
        if any(_changes_its_input(node) and not node.users for node in program.graph.nodes):
            # Operators in place count as needed: write the program without them, which takes as long as the tracing.
            program = program.run_decompositions({})
            program.graph.eliminate_dead_code()
    program.example_inputs = None  # they would be kept as a pickle
    signature = program.graph_signature
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    # Layers of the backbone that are deeper than those of the grids have weights without use.
    for node, spec in zip(placeholders, list(signature.input_specs), strict=True):
        if not node.users and spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            program.graph.erase_node(node)
            signature.input_specs.remove(spec)
            program.state_dict.pop(spec.target, None)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine
    program.graph_module.recompile()
    return program


def _changes_its_input(node: torch.fx.Node) -> bool:
    """Whether a node is an operator in place, such as ReLU often is."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
