"""Forged files: each builds what is trusted in a way in which it does something else."""

import json
import zipfile

import numpy as np
import pytest
from sklearn.svm import SVC
from xgboost import XGBClassifier

from hybridfer import load, save
from hybridfer.errors import ModelError
from hybridfer.model_schema import check_schema

skops_io = pytest.importorskip("skops.io")


def node(way, name, **state):
    module, _, kind = name.rpartition(".")
    return {"__loader__": way, "__module__": module, "__class__": kind, **state}


def text(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def a_list(*content, **state):
    return node("ListNode", "builtins.list", content=list(content), **state)


def a_tuple(*content):
    return node("TupleNode", "builtins.tuple", content=list(content))


def a_dict(key_types, **content):
    return node("DictNode", "builtins.dict", key_types=key_types, content=content)


PLAIN = a_list(node("TypeNode", "builtins.str"))
BOOSTER = "xgboost.core.Booster"
FORGED = {
    "a partial call under another name": node(
        "PartialNode",
        "sklearn.utils._bunch.Bunch",
        content={
            "func": node("FunctionNode", "numpy.tanh"),
            "args": a_tuple(text("victim")),
            "kwds": a_dict(PLAIN),
            "namespace": text(None),
        },
    ),
    "a class called with a path": node(
        "ConstructorFromReduceNode", BOOSTER, content=a_tuple(text(None), text("/etc/hostname"))
    ),
    "a loss that is none": node(
        "LossNode", BOOSTER, __reduce__={"args": a_tuple(text(None), text("/etc/hostname"))}, content=a_dict(PLAIN)
    ),
    "an array that is none": node("NdArrayNode", BOOSTER, type="json", content=[], shape=a_tuple(text(0))),
    "a class instead of an object": node("TypeNode", BOOSTER),
    "a function instead of an object": node("FunctionNode", "hybridfer.networks.network.Network"),
    "a method": node("MethodNode", "sklearn.svm._classes.SVC", content={"func": "fit", "obj": text(1)}),
    "an operator": node("OperatorFuncNode", "operator.methodcaller", attrs=a_tuple(text("save_model"))),
    "something said before": node("CachedNode", "builtins.list", __id__=1),
    "keys that are called": a_dict(a_list(node("ObjectNode", "sklearn.svm._classes.SVC")), y=text(1)),
    "keys whose types are no list": a_dict(text("no list"), y=text(1)),
    "keys that are truth values": a_dict(a_list(node("TypeNode", "builtins.bool")), true=text(1)),
    "two things of one number": a_list(a_list(text(1), __id__=7), {**text(2), "__id__": 7}),
    "types of keys that were said before": a_list(
        a_list(node("ObjectNode", "sklearn.svm._classes.SVC"), __id__=9),
        a_dict(a_list(node("TypeNode", "builtins.str"), __id__=9), y=text(1)),
    ),
}


@pytest.fixture
def honest(tmp_path):
    return save(SVC().fit(np.eye(4), [0, 1, 0, 1]), tmp_path / "honest.skops")


def forge(path, state):
    """Hide a node among the attributes of a model."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    schema["content"]["content"]["note_"] = state
    schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("state", FORGED.values(), ids=FORGED)
def test_what_is_built_in_another_way_than_its_own_is_refused_before_anything_is_built(state, honest, monkeypatch):
    monkeypatch.setattr(skops_io, "load", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(ModelError, match=r"could not be read \(.*cannot|which hybridfer does not know"):
        load(forge(honest, state))


def test_naming_a_function_does_not_let_it_be_called(honest):
    state = node("NdArrayNode", "os.system", type="json", content=[], shape=a_tuple(text(0)))
    with pytest.raises(ModelError, match=r"os\.system cannot be built by NdArrayNode"):
        load(forge(honest, state), trusted=["os.system"])


def test_a_forged_file_that_wrote_files_writes_none(honest, tmp_path):
    target = tmp_path / "evil.pth"
    booster = XGBClassifier(n_estimators=1).fit(np.eye(4), [0, 1, 0, 1])
    with zipfile.ZipFile(save(booster, tmp_path / "b.skops")) as archive:
        boosted = json.loads(archive.read("schema.json"))
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".json")}
    scorer = node(
        "ObjectNode",
        "sklearn.metrics._scorer._Scorer",
        content=a_dict(a_list(node("TypeNode", "builtins.str")), _response_method=text("save_model")),
    )
    call = {"func": scorer, "args": a_tuple(boosted, text(str(target))), "kwds": a_dict(a_list()), "namespace": text(None)}
    state = a_dict(a_list(node("PartialNode", "sklearn.utils._bunch.Bunch", content=call)), y=text(1))
    with zipfile.ZipFile(forge(honest, state), "a") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    for trusted in (
        [],
        ["sklearn.metrics._scorer._Scorer"],
        ["sklearn.metrics._scorer._Scorer", "sklearn.utils._bunch.Bunch"],
    ):
        with pytest.raises(ModelError):
            load(honest, trusted=trusted)
    assert not target.exists()


def test_a_member_that_is_asked_for_many_times_counts_as_often(tmp_path):
    model = SVC().fit(np.eye(4), [0, 1, 0, 1])
    model.note_ = np.zeros(1 << 20)
    path = save(model, tmp_path / "zeros.skops")
    with zipfile.ZipFile(path) as archive:
        state = json.loads(archive.read("schema.json"))["content"]["content"]["note_"]
    # each of eight megabytes, of one member of the archive
    states = [{**state, "__id__": number} for number in range(99)]
    with pytest.raises(ModelError, match=r"says that it holds 8[34]\d,"):
        load(forge(path, a_list(*states)))


def test_a_schema_of_any_depth_is_looked_through():
    state = text(1)
    for _ in range(20_000):
        state = a_list(state)
    assert check_schema(state).files == ()
    deep = state
    for _ in range(10_000):
        (deep,) = deep["content"]
    deep["content"] = [node("MethodNode", "os.system")]
    with pytest.raises(ModelError, match=r"os\.system cannot be built by MethodNode"):
        check_schema(state)
