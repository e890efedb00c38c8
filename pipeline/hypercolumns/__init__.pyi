from . import steps as steps
from .annotations.formats import Format as Format
from .annotations.formats import register_format as register_format
from .annotations.model import AnnotationSet as AnnotationSet
from .backbones import create_backbone as create_backbone
from .backbones import register_backbone as register_backbone
from .definitions import TaskDefinition as TaskDefinition
from .definitions import register_task as register_task
from .errors import InputError as InputError
from .export.network import heat_map_network as heat_map_network
from .features.extraction import extract as extract
from .features.store import FeatureStore as FeatureStore
from .grid.model import GridModel as GridModel
from .grid.scoring import heat_maps as heat_maps
from .grid.spec import GridSpec as GridSpec
from .grid.training import train_grids as train_grids
from .parameters import Parameters as Parameters
from .proposals.store import ProposalStore as ProposalStore
from .results.formats import convert_results as convert_results
from .segmenter.segmenter import Segmenter as Segmenter
from .tasks.prediction import predict as predict
from .workspace import Workspace as Workspace

__version__: str
