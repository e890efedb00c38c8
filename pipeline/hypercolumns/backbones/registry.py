"""Networks by name: some with layers named as in the paper, and any model of torchvision and timm."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from hypercolumns.backbones import alexnet_caffe, efficientnet_lite
from hypercolumns.backbones.weights import load_weights, read_weights
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import expand_home
from hypercolumns.parameters import BackboneParameters
from hypercolumns.parameters.backbone import LAYERS, LIBRARIES

Colour = tuple[float, float, float]

IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """How to build a network and load its weights.

    Attributes
    ----------
    build
        Builds the network without trained weights.
    mean, std
        Normalisation of RGB in 0..1 that the network was trained with.
    modules
        Module by layer name; None if layers are named like their modules.
    packaged
        Reads the weights that an installed package ships, for the given network; None if there is no such package.
    library
        Builds the network with the weights that its library downloads; None if there are none.
    address
        Download address of those weights, for messages.
    prefix
        Number of tokens before those of the grid; returns None when unknown.
    trunk
        Names of the sequence of a transformer's blocks, and of the norm after the last of them; a network without these
        modules is not a transformer.
    fold
        Makes the loaded network faster, in place, without changing what it computes.
    """

    build: Callable[[], nn.Module]
    mean: Colour
    std: Colour
    modules: Mapping[str, str] | None = None
    packaged: Callable[[nn.Module], Mapping[str, Tensor]] | None = None
    library: Callable[[], nn.Module] | None = None
    address: str = ""
    prefix: Callable[[nn.Module], int | None] = lambda _network: None
    trunk: tuple[str, str] | None = None
    fold: Callable[[nn.Module], None] = lambda _network: None


def require_name(name: str) -> None:
    """Check that a name can be a value of `backbone.name`; its library says later whether it has the model.

    Raises
    ------
    InputError
        With models of that name, or of a similar one.
    """
    library, _, model = name.partition(":")
    if name in LAYERS or (library in LIBRARIES and model):
        return
    from hypercolumns.backbones.vision import timm, torchvision

    models = {"torchvision": torchvision.models.list_models(module=torchvision.models), "timm": timm.list_models()}
    full_names = {name: [name] for name in LAYERS}
    for prefix, names in models.items():
        for each in names:
            full_names.setdefault(each, []).append(f"{prefix}:{each}")
    found = [full for each in _similar(model or name, full_names) for full in full_names[each]]
    raise InputError(
        f"There is no backbone {name!r}{_in_words(found)}. backbone.name is one of "
        f"{choices(LAYERS)}, torchvision:MODEL or timm:MODEL."
    )


def find_recipe(name: str) -> Recipe:
    """Find the recipe of a network by a name that `BackboneParameters` has validated.

    Raises
    ------
    InputError
        For a model that its library does not have; lists close matches.
    """
    if name in REGISTRY:
        return REGISTRY[name]()
    library, _, model = name.partition(":")
    return {"torchvision": _torchvision, "timm": _timm}[library](model)


def _efficientnet_lite(name: str) -> Recipe:
    build = partial(efficientnet_lite.EfficientNetLite, *efficientnet_lite.SCALES[name])

    def download() -> nn.Module:
        from hypercolumns.backbones.vision import timm

        network = build()
        network.load_state_dict(timm.create_model(f"tf_{name}", pretrained=True).state_dict())
        return network

    return Recipe(
        build,
        efficientnet_lite.MEAN,
        efficientnet_lite.STD,
        efficientnet_lite.LAYERS,
        packaged=partial(efficientnet_lite.packaged_tensors, name),
        library=download,
        address=f"https://huggingface.co/timm/tf_{name}.in1k (model.safetensors)",
        fold=efficientnet_lite.fold,
    )


def _alexnet_caffe() -> Recipe:
    return Recipe(alexnet_caffe.AlexNetCaffe, alexnet_caffe.MEAN, alexnet_caffe.STD, alexnet_caffe.LAYERS)


def _alexnet() -> Recipe:
    """AlexNet of torchvision: pool2 (192) + conv4 (256) + fc7 (4096 channels), after the ReLU as in Caffe."""
    pools = {"pool1": "features.2", "pool2": "features.5", "pool5": "features.12"}
    convolutions = {f"conv{i}": f"features.{n}" for i, n in ((1, 1), (2, 4), (3, 7), (4, 9), (5, 11))}
    connected = {"fc6": "classifier.2", "fc7": "classifier.5"}
    return replace(_torchvision("alexnet"), modules=pools | convolutions | connected)


def _vgg16() -> Recipe:
    """VGG-16, the O-Net of the paper: pool3 (256) + pool4 (512) + fc7 (4096 channels); fc6 and fc7 after the ReLU."""
    pools = {f"pool{i}": f"features.{n}" for i, n in ((1, 4), (2, 9), (3, 16), (4, 23), (5, 30))}
    return replace(_torchvision("vgg16"), modules=pools | {"fc6": "classifier.1", "fc7": "classifier.4"})


def _torchvision(model: str) -> Recipe:
    # Imported here, as timm below, because it takes seconds that the default network saves.
    from hypercolumns.backbones.vision import torchvision

    _check_model("torchvision", model, torchvision.models.list_models(module=torchvision.models))
    weights = torchvision.models.get_model_weights(model).DEFAULT
    transforms = weights.transforms()
    return Recipe(
        build=lambda: torchvision.models.get_model(model, weights=None),
        mean=_colour(getattr(transforms, "mean", IMAGENET_MEAN)),
        std=_colour(getattr(transforms, "std", IMAGENET_STD)),
        library=lambda: torchvision.models.get_model(model, weights=weights),
        address=weights.url,
        trunk=("encoder.layers", "encoder.ln"),
    )


def _timm(model: str) -> Recipe:
    from hypercolumns.backbones.vision import timm

    architecture = model.partition(".")[0]
    _check_model("timm", architecture, timm.list_models())
    try:
        config = timm.get_pretrained_cfg(model)
    except (RuntimeError, ValueError, KeyError):
        tags = timm.list_pretrained(f"{architecture}.*")
        raise InputError(f"backbone.name: timm has no weights {model!r}; it has {choices(tags)}.") from None
    hub = config.hf_hub_id if config and config.hf_hub_id else f"timm/{model}"
    return Recipe(
        build=lambda: _timm_network(model, pretrained=False),
        mean=_colour(config.mean if config else IMAGENET_MEAN),
        std=_colour(config.std if config else IMAGENET_STD),
        library=lambda: _timm_network(model, pretrained=True),
        address=f"https://huggingface.co/{hub} (model.safetensors)",
        prefix=lambda network: getattr(network, "num_prefix_tokens", None),
        trunk=("blocks", "norm"),
    )


def _timm_network(model: str, pretrained: bool) -> nn.Module:
    from hypercolumns.backbones.vision import timm

    try:
        # Lets transformers take images whose sides are any multiple of the patch size.
        return timm.create_model(model, pretrained=pretrained, dynamic_img_size=True)
    except TypeError:
        return timm.create_model(model, pretrained=pretrained)


def _similar(name: str, known: Iterable[str]) -> list[str]:
    """At most eight known names that are spelt much alike, or that contain the first word of `name`, such as dinov2."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.6)
    word = re.split(r"[^a-z0-9]", name.lower().rpartition("/")[2])[0]
    family = [each for each in names if len(word) > 3 and word in each.lower() and each not in close]
    return (close + family)[:8]


def _in_words(similar: Sequence[str]) -> str:
    return f"; similar: {', '.join(similar)}" if similar else ""


def _check_model(library: str, model: str, known: list[str]) -> None:
    if model not in known:
        close = _similar(model, known)
        raise InputError(f"backbone.name: {library} has no model {model!r}{_in_words(close)}.")


def _colour(values: list[float] | tuple[float, ...]) -> Colour:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


REGISTRY: dict[str, Callable[[], Recipe]] = {
    **{name: partial(_efficientnet_lite, name) for name in efficientnet_lite.SCALES},
    "alexnet_caffe": _alexnet_caffe,
    "alexnet": _alexnet,
    "vgg16": _vgg16,
}


def register_backbone(name: str, layers: Sequence[str], recipe: Callable[[], Recipe]) -> None:
    """Make `backbone.name` accept `name`, replacing any network of that name.

    Parameters
    ----------
    name
        The new value of `backbone.name`.
    layers
        Names of all layers from fine to coarse, as in `Recipe.modules`.
    recipe
        Returns the recipe; called whenever a backbone is created.
    """
    REGISTRY[name] = recipe
    LAYERS[name] = tuple(layers)


def build_network(settings: BackboneParameters, recipe: Recipe, seed: int) -> nn.Module:
    """Build a network with its weights: packaged, from the library, random (from `seed`) or from a file.

    Raises
    ------
    InputError
        When these weights do not exist for the network, the download fails or the file does not fit.
    """
    if settings.weights == "library":
        return _download(settings.name, recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = recipe.build()
    if settings.weights == "packaged":
        if recipe.packaged is None:
            raise InputError(
                f"backbone.weights: no installed package ships weights for {settings.name} (packaged: "
                f"{choices(efficientnet_lite.SCALES)}); choose library, random or file."
            )
        load_weights(network, recipe.packaged(network), f"the package with weights of {settings.name}")
    elif settings.weights == "file":
        load_weights(network, read_weights(expand_home(settings.file)), settings.file)
    return network


def _download(name: str, recipe: Recipe) -> nn.Module:
    if recipe.library is None:
        raise InputError(
            f"backbone.weights: no library offers weights for {name}; choose random, or file with backbone.file "
            f"(for alexnet_caffe, the module hypercolumns.backbones.alexnet_caffe lists the tensors)."
        )
    try:
        return recipe.library()
    except Exception as error:  # the libraries let any error of their network code through
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"backbone.weights: the library's weights for {name} could not be downloaded ({reason}). Download them on "
            f"a machine with network access from {recipe.address or 'the library'}, set backbone.file to the path of "
            f"the file and backbone.weights to file."
        ) from None
