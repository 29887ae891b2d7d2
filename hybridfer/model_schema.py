"""What a model file may be made of: its schema, looked at before skops builds anything that it describes.

A schema is a tree of nodes: how something is built (``__loader__``), the class (``__module__``, ``__class__``), and what it
holds. skops asks whether a class is trusted, and not whether it is built in the way that is its own: what is harmless as an
object may, as a function that is called, write files. Here each class has its one way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hybridfer.errors import ModelError

# what pipelines of hybridfer are made of beyond the estimators of scikit-learn that skops knows, and how each is built
TRUSTED: Mapping[str, str] = {
    "hybridfer.featurizer.CNNFeaturizer": "ObjectNode",
    "hybridfer.heads.encoded.EncodedClassifier": "ObjectNode",
    "hybridfer.heads.softmax.SoftmaxHead": "ObjectNode",
    "hybridfer.networks.network.Network": "ObjectNode",
    "hybridfer.recipes.feature.AugmentationRecipe": "ObjectNode",
    "hybridfer.recipes.feature.FeatureRecipe": "ObjectNode",
    "hybridfer.recipes.feature.TrainingRecipe": "ObjectNode",
    "hybridfer.recipes.grid.RecipeGrid": "ObjectNode",
    "hybridfer.recipes.published.PublishedFigure": "ObjectNode",
    "hybridfer.training.classifier.CNNClassifier": "ObjectNode",
    "sklearn.calibration._CalibratedClassifier": "ObjectNode",
    "sklearn.calibration._SigmoidCalibration": "ObjectNode",
    "sklearn.calibration._TemperatureScaling": "ObjectNode",
    "sklearn.metrics._scorer._PassthroughScorer": "ObjectNode",
    "sklearn.model_selection._split.KFold": "ObjectNode",
    "sklearn.model_selection._split.PredefinedSplit": "ObjectNode",
    "sklearn.model_selection._split.StratifiedGroupKFold": "ObjectNode",
    "sklearn.model_selection._split.StratifiedKFold": "ObjectNode",
    "sklearn.model_selection._split.StratifiedShuffleSplit": "ObjectNode",
    "sklearn.tree._tree.Tree": "TreeNode",
    "sklearn.utils._bunch.Bunch": "DictNode",
    "xgboost.core.Booster": "ObjectNode",
    "xgboost.sklearn.XGBClassifier": "ObjectNode",
}
# ways that build, of the classes that skops itself trusts there, nothing but what they are called after
_WAYS = frozenset(
    {
        *("BytearrayNode", "BytesNode", "DTypeNode", "DictNode", "FunctionNode", "JsonNode", "ListNode", "LossNode"),
        *("MaskedArrayNode", "NdArrayNode", "ObjectNode", "RandomGeneratorNode", "RandomStateNode", "SetNode", "SliceNode"),
        *("SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode"),
    }
)
# ways that call something with what the file says
_CALLS = frozenset({"ConstructorFromReduceNode", "PartialNode"})
# ways of classes and functions that whoever reads the file has named
_WAYS_OF_NAMED = frozenset({"FunctionNode", "ObjectNode", "TypeNode"}) | _CALLS
# keys are written as texts and read by calling their type: of a truth value every text is true
_KEYS = frozenset({"builtins.float", "builtins.int", "builtins.str", "numpy.str_"})
_NUMPY_NUMBERS = ("numpy.int", "numpy.uint", "numpy.float")


@dataclass(frozen=True)
class _Node:
    """One node of a schema: how it is built, of which class, by which number it is known, and what is written of it."""

    way: str
    name: str
    number: Any = field(compare=False)
    state: Mapping[str, Any] = field(compare=False, repr=False)


@dataclass(frozen=True)
class CheckedSchema:
    """What a schema asks for.

    Attributes
    ----------
    files : tuple of str
        Members of the archive that it reads, each as often as it does so.
    unknown : tuple of str
        Classes that are called to be built, and are built for whoever names them alone.
    """

    files: tuple[str, ...]
    unknown: tuple[str, ...]


def check_schema(schema: Any, named: Iterable[str] = ()) -> CheckedSchema:
    """Refuse a schema in which anything is built in another way than its own.

    Parameters
    ----------
    schema : object
        What ``schema.json`` of a file of skops holds.
    named : iterable of str
        Classes and functions that whoever reads the file has named as known.

    Raises
    ------
    ModelError
        Saying what is not as in files of `hybridfer.save`.

    Examples
    --------
    >>> check_schema({"__loader__": "MethodNode", "__module__": "os", "__class__": "system"})
    Traceback (most recent call last):
    ...
    hybridfer.errors.ModelError: os.system cannot be built by MethodNode
    """
    nodes, named = list(_nodes(schema)), frozenset(named)
    unknown = tuple(sorted({node.name for node in nodes if node.way in _CALLS and node.name not in named}))
    for node in nodes:
        if not _is_own_way(node, named):
            raise ModelError(f"{node.name} cannot be built by {node.way}")
    _check_numbers(nodes)
    _check_keys(nodes)
    return CheckedSchema(tuple(file for node in nodes if isinstance(file := node.state.get("file"), str)), unknown)


def _nodes(schema: Any) -> Iterator[_Node]:
    """Give every node, however deep; without recursion, as a forged schema may be of any depth."""
    left = [schema]
    while left:
        state = left.pop()
        if isinstance(state, dict):
            if isinstance(way := state.get("__loader__"), str):
                yield _Node(way, f"{state.get('__module__')}.{state.get('__class__')}", state.get("__id__"), state)
            left.extend(state.values())
        elif isinstance(state, list):
            left.extend(state)


def _is_own_way(node: _Node, named: frozenset[str]) -> bool:
    if node.way == "PartialNode":
        return node.name == "functools.partial"
    if node.name in TRUSTED:
        # also where it is named, as naming it is no reason to build it otherwise
        return node.way == TRUSTED[node.name]
    if node.name in named:
        return node.way in _WAYS_OF_NAMED
    # whether the class is trusted is for skops to say
    return node.way in _WAYS or node.way in _CALLS


def _check_numbers(nodes: Iterable[_Node]) -> None:
    """Refuse one number for two things, as of nodes of one number skops builds the first alone."""
    known: dict[Any, _Node] = {}
    for node in nodes:
        if node.number is not None and known.setdefault(node.number, node) != node:
            raise ModelError(f"{node.name} and {known[node.number].name} cannot have one number")


def _check_keys(nodes: Sequence[_Node]) -> None:
    """Refuse dictionaries whose keys are not of plain types, or whose list of types may be another list."""
    times = Counter(node.number for node in nodes)
    for node in nodes:
        if "key_types" not in node.state:
            continue
        types = node.state["key_types"]
        if not isinstance(types, dict) or types.get("__loader__") != "ListNode" or times[types.get("__id__")] != 1:
            raise ModelError(f"{node.name} cannot have such a list of the types of its keys")
        for key in types.get("content", ()):
            name = f"{key['__module__']}.{key['__class__']}"
            if key["__loader__"] != "TypeNode" or not (name in _KEYS or name.startswith(_NUMPY_NUMBERS)):
                raise ModelError(f"{node.name} cannot have keys of type {name}, as files know texts and numbers alone")
