"""Transfer learning: a new head on a backbone of timm, frozen or not."""

from pathlib import Path

import pytest
import torch
from skorch.callbacks import Callback

from hybridfer import CNNFeaturizer, FeatureRecipe, make_faces
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import load_network, save_network
from hybridfer.recipes import list_recipes, load_recipe
from hybridfer.training import recipe_classifier, remembered_path, train_network, trained_once

NAME = "timm:test_resnet"
FROZEN = {"frozen": True, "hidden": 16, "dropout": 0.2}


@pytest.fixture(scope="module")
def state(timm) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def begun(state, tmp_path) -> str:
    """The path of a state dict to begin with."""
    torch.save(state, tmp_path / "resnet.pt")
    return str(tmp_path / "resnet.pt")


def backbone(classifier) -> dict[str, torch.Tensor]:
    return classifier.network_.module.pooled.model.state_dict()


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"optimizer": "sgd", "weight_decay": 0.1}])
def test_a_frozen_backbone_is_the_same_after_training_and_its_head_is_not(settings, begun, state, faces, quick):
    classifier = quick(network=NAME, network_arguments={**FROZEN, "pretrained": begun}, image_size=32, **settings)
    classifier.set_params(augmentation={"flip": True, "brightness": 0.1})
    first = {}
    classifier.fit(*faces, callbacks=[_Beginning(first)])
    assert all(torch.equal(tensor, state[name]) for name, tensor in backbone(classifier).items())
    head = {name: tensor for name, tensor in classifier.network_.module.state_dict().items() if "pooled" not in name}
    assert len(head) == 4
    assert not any(torch.equal(tensor, first[name]) for name, tensor in head.items())


class _Beginning(Callback):
    """Keeps what the training begins with."""

    def __init__(self, kept: dict[str, torch.Tensor]) -> None:
        self.kept = kept

    def on_train_begin(self, net, **kwargs) -> None:
        self.kept.update({name: tensor.clone() for name, tensor in net.module_.module.state_dict().items()})


def test_a_backbone_that_is_not_frozen_is_trained_with_its_statistics(begun, state, faces, quick):
    classifier = quick(network=NAME, network_arguments={"pretrained": begun}, image_size=32, max_epochs=1).fit(*faces)
    changed = {name for name, tensor in backbone(classifier).items() if not torch.equal(tensor, state[name])}
    assert {"conv1.0.weight", "bn1.running_mean"} <= changed


def test_the_file_that_a_training_begins_with_counts_by_its_contents(begun, faces, quick, tmp_path):
    copy = tmp_path / "copy.pt"
    copy.write_bytes(Path(begun).read_bytes())
    one, same = (quick(network=NAME, network_arguments={**FROZEN, "pretrained": str(path)}) for path in (begun, copy))
    assert one.recipe == same.recipe
    copy.write_bytes(b"others")
    assert one.recipe != same.recipe
    copy.unlink()
    with pytest.raises(WeightsError, match=r"copy\.pt could not be read"):
        same.fit(*faces)


def test_a_trained_head_is_remembered_and_loads_without_what_it_began_with(begun, faces, quick, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    classifier = quick(network=NAME, network_arguments={**FROZEN, "pretrained": begun}, image_size=32)
    network = trained_once(classifier, *faces)
    assert [path.name[:17] for path in (tmp_path / "home" / "weights").glob("*.safetensors")] == ["timm-test_resnet-"]
    path = save_network(network, tmp_path / "mine.safetensors")
    (tmp_path / "resnet.pt").unlink()
    again = load_network(path)
    assert (again.digest, again.classes) == (network.digest, network.classes)
    features = CNNFeaturizer(NAME, weights=str(path), device="cpu").fit(faces[0]).transform(faces[0])
    assert features.shape == (len(faces[0]), 16)


def test_without_a_size_images_are_brought_to_the_backbones_own(begun, faces, quick):
    classifier = quick(network=NAME, network_arguments={**FROZEN, "pretrained": begun}, image_size=None, max_epochs=1)
    assert classifier.fit(*faces).network_.preprocessing.image_size == (160, 160)
    assert quick(image_size=None, max_epochs=1).fit(*faces).network_.preprocessing.image_size == (48, 48)


def test_an_interrupted_training_of_a_head_goes_on_as_if_nothing_had_happened(begun, faces, quick, tmp_path):
    def training(**parameters):
        return quick(network=NAME, network_arguments={**FROZEN, "pretrained": begun}, image_size=32, **parameters)

    checkpoint = tmp_path / "head.checkpoint"
    whole = training(max_epochs=3).fit(*faces)
    with pytest.raises(KeyboardInterrupt):
        training(max_epochs=3, checkpoint=checkpoint).fit(*faces, callbacks=[_Interruption(2)])
    resumed = training(max_epochs=3, checkpoint=checkpoint, resume=True).fit(*faces)
    assert resumed.network_.digest == whole.network_.digest


class _Interruption(Callback):
    """Interrupts a training when its nth epoch begins."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs) -> None:
        if len(net.history) > self.epoch:
            raise KeyboardInterrupt


def test_a_backbone_that_was_frozen_is_trained_on_with_its_head(begun, faces, quick, tmp_path):
    settings = {"network": NAME, "image_size": 32, "max_epochs": 1}
    headed = quick(**settings, network_arguments={**FROZEN, "pretrained": begun}).fit(*faces)
    start, first = save_network(headed.network_, tmp_path / "headed.safetensors"), {}
    names = [str(label) for label in headed.classes_]
    freed = quick(**settings, network_arguments={**FROZEN, "frozen": False}, start=start)
    freed.fit(*faces, callbacks=[_Beginning(first)], class_names=names)
    assert all(torch.equal(tensor, first[name]) for name, tensor in headed.network_.module.state_dict().items())
    assert not torch.equal(backbone(freed)["conv1.0.weight"], backbone(headed)["conv1.0.weight"])
    with pytest.raises(RecipeError, match="the weights have hidden=16, the training hidden=0"):
        quick(**settings, network_arguments={"hidden": 0}, start=start).fit(*faces)


def test_a_frozen_backbone_stays_as_it_is_where_weights_are_averaged_with_the_start(state, faces, quick, tmp_path):
    # a new model's statistics are those that a BatchNorm is reset to
    measured = {name: tensor + 0.5 if name.endswith("running_var") else tensor for name, tensor in state.items()}
    torch.save(measured, tmp_path / "measured.pt")
    settings = {"network": NAME, "image_size": 32, "max_epochs": 1}
    headed = quick(**settings, network_arguments={**FROZEN, "pretrained": str(tmp_path / "measured.pt")}).fit(*faces)
    start = save_network(headed.network_, tmp_path / "headed.safetensors")
    averaged = quick(**settings, network_arguments=FROZEN, start=start, start_share=0.5)
    averaged.fit(*faces, class_names=[str(label) for label in headed.classes_])
    assert all(torch.equal(tensor, measured[name]) for name, tensor in backbone(averaged).items())


def test_a_model_that_is_bound_to_a_size_does_not_begin_with_small_images(faces, quick, timm):
    with pytest.raises(RecipeError, match="initial_scale below 1 needs a network that takes images of any size"):
        quick(network="timm:test_vit", image_size=160, initial_scale=0.5).fit(*faces)


def test_a_recipe_names_its_backbone_and_takes_its_size(begun, timm, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    recipe = FeatureRecipe(
        name="mine", network=NAME, network_arguments={**FROZEN, "pretrained": begun}, training={"max_epochs": 1}
    )
    assert recipe.image_size is None
    faces = make_faces(60, image_size=16, random_state=0).with_validation()
    network = train_network(faces, recipe, device="cpu", verbose=0)
    assert (network.preprocessing.image_size, network.widths["embedding"]) == ((160, 160), 16)
    assert network.classes == tuple(faces.classes)
    assert remembered_path(recipe, faces).name.startswith("mine-")


SHIPPED = [name for name in list_recipes("feature") if load_recipe("feature", name).network.startswith("timm:")]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_of_a_backbone_asks_for_the_hub_by_name_and_for_nothing_unknown(name, timm):
    recipe = load_recipe("feature", name)
    if recipe.weights is None:
        assert recipe_classifier(recipe).network_arguments["pretrained"] == "hub"
        assert recipe.network_arguments["frozen"]
        own = timm.models.get_pretrained_cfg(recipe.network.removeprefix("timm:")).input_size[1]
        assert recipe.image_size == {"timm-efficientnet_lite0": 96}.get(name, own)
    else:
        assert recipe.weights == "hub"


def test_the_published_backbones_have_recipes():
    assert {"timm-vgg16", "timm-resnetv2_50", "timm-efficientnet_b0", "timm-features"} <= set(SHIPPED)
    published = {name: load_recipe("feature", name).published for name in SHIPPED}
    assert {name: figures[0].accuracy for name, figures in published.items() if figures} == {
        "timm-vgg16": 0.52,
        "timm-resnetv2_50": 0.2,
        "timm-efficientnet_b0": 0.2,
        "timm-efficientnet_lite0": 0.2,
    }
