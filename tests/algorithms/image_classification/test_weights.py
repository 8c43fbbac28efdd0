"""Where a network's arrays come from."""

import math

import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.network import SOFTMAX, residual_network


def torchvision_state(num_layers: int) -> dict[str, torch.Tensor]:
    """Random arrays under the names and shapes of torchvision's ResNet of that depth."""
    shapes = weights.shapes(residual_network(num_layers, (3, 64, 64), 10, SOFTMAX), 3)
    state: dict[str, torch.Tensor] = {}

    def convolution(name, shape, norm):
        state[f"{name}.weight"] = torch.randn(shape)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{kind}"] = torch.rand(shape[0]) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    convolution("conv1", shapes["conv0_weight"], "bn1")
    for name, shape in shapes.items():
        if name.startswith("stage") and name.endswith("_weight"):
            stage, unit, kind, _ = name.split("_")
            place = f"layer{stage[5:]}.{int(unit[4:]) - 1}"
            own, norm = ("downsample.0", "downsample.1") if kind == "sc" else (kind, f"bn{kind[4:]}")
            convolution(f"{place}.{own}", shape, f"{place}.{norm}")
    state |= {"fc.weight": torch.randn(1000, 512), "fc.bias": torch.randn(1000)}
    return state


@pytest.mark.parametrize("num_layers", [18, 50])
def test_a_torchvision_state_dictionary_is_mapped_by_name(num_layers):
    graph = residual_network(num_layers, (3, 64, 64), 10, SOFTMAX)
    state = torchvision_state(num_layers)
    arrays = weights.transferred(graph, 3, state, torch.Generator())
    assert torch.equal(arrays["conv0_weight"], state["conv1.weight"])
    assert torch.equal(arrays["bn0_moving_var"], state["bn1.running_var"])
    assert torch.equal(arrays["stage3_unit2_conv1_weight"], state["layer3.1.conv1.weight"])
    assert torch.equal(arrays["stage3_unit2_bn2_gamma"], state["layer3.1.bn1.weight"])
    last = 2 if num_layers == 18 else 3
    scale = state[f"layer1.0.bn{last}.weight"] / (state[f"layer1.0.bn{last}.running_var"] + 1e-5).sqrt()
    folded = state[f"layer1.0.conv{last}.weight"] * scale[:, None, None, None]
    assert torch.allclose(arrays[f"stage1_unit1_conv{last}_weight"], folded)
    assert torch.allclose(arrays["bn_data_moving_mean"], torch.tensor([123.675, 116.28, 103.53]))
    assert arrays["fc_weight"].shape == (10, 512 if num_layers == 18 else 2048)
    assert torch.equal(arrays["stage2_unit1_bn1_gamma"], torch.ones(len(arrays["stage2_unit1_bn1_gamma"])))


def test_a_torchvision_network_of_another_depth_is_rejected():
    graph = residual_network(34, (3, 64, 64), 10, SOFTMAX)
    with pytest.raises(UserError, match="stage1_unit3_conv1_weight is missing"):
        weights.transferred(graph, 3, torchvision_state(18), torch.Generator())


def test_another_network_with_a_convolution_of_that_name_is_rejected():
    graph = residual_network(18, (3, 64, 64), 10, SOFTMAX)
    with pytest.raises(UserError, match=r"'bn1.weight' is missing, expected the state dictionary of a ResNet"):
        weights.transferred(graph, 3, {"conv1.weight": torch.ones(64, 3, 7, 7)}, torch.Generator())


SMALL = residual_network(20, (1, 8, 8), 3, SOFTMAX)


def random(seed: int = 0, graph=SMALL) -> dict[str, torch.Tensor]:
    return weights.random(graph, 1, torch.Generator().manual_seed(seed))


def test_random_weights_have_a_variance_of_two_over_their_inputs():
    """[He et al. 2015]. Batch norms change nothing, and biases are zero."""
    for name, array in random().items():
        if name.endswith("_weight"):
            inputs = math.prod(array.shape[1:])
            assert float(array.square().mean() * inputs) == pytest.approx(2, rel=5 / array.numel() ** 0.5), name
        else:
            assert (array == float(name.endswith(("_gamma", "_moving_var")))).all(), name
    assert torch.equal(random()["fc_weight"], random()["fc_weight"])
    assert not torch.equal(random()["fc_weight"], random(1)["fc_weight"])


def test_an_earlier_job_is_continued_with_all_its_arrays():
    given = {name: array.double() for name, array in random(3).items()}
    found = weights.continued(SMALL, 1, given)
    assert list(found) == list(weights.shapes(SMALL, 1))
    for name, array in found.items():
        assert array.dtype == torch.float32 and torch.equal(array, random(3)[name])
        assert array.data_ptr() != given[name].data_ptr()


def test_all_but_the_last_layer_is_transferred():
    given = random(3, residual_network(20, (1, 8, 8), 9, SOFTMAX))
    found = weights.transferred(SMALL, 1, given, torch.Generator().manual_seed(0))
    for name, array in found.items():
        expected = random()[name] if name in ("fc_weight", "fc_bias") else given[name]
        assert torch.equal(array, expected), name
    without = {name: array for name, array in given.items() if not name.startswith("fc_")}
    again = weights.transferred(SMALL, 1, without, torch.Generator().manual_seed(0))
    assert all(torch.equal(array, found[name]) for name, array in again.items())


def test_three_problems_of_given_weights_are_named_and_the_others_counted():
    given = random()
    given["conv0_weight"] = given["conv0_weight"][:, :, :1]
    given["another"] = torch.zeros(1)
    del given["fc_bias"]
    with pytest.raises(UserError) as caught:
        weights.continued(SMALL, 1, given)
    assert (
        "conv0_weight is (16, 1, 1, 3), expected (16, 1, 3, 3); fc_bias is missing; another is not of this network."
        in str(caught.value)
    )
    del given["bn_data_beta"], given["bn_data_gamma"]
    with pytest.raises(
        UserError, match=r"bn_data_gamma is missing; bn_data_beta is missing; conv0_weight is [^;]* and 2 more"
    ):
        weights.continued(SMALL, 1, given)
    with pytest.raises(UserError, match="fc_bias is missing"):
        weights.continued(SMALL, 1, {name: array for name, array in random().items() if name != "fc_bias"})


def test_grey_images_have_no_mean_of_colours():
    """torchvision's mean and deviation are of three channels."""
    graph = residual_network(18, (3, 64, 64), 10, SOFTMAX)
    state = torchvision_state(18)
    arrays = weights.transferred(graph, 3, state, torch.Generator())
    assert torch.allclose(arrays["bn_data_moving_var"].sqrt(), torch.tensor([58.395, 57.12, 57.375]))
    grey = residual_network(18, (1, 64, 64), 10, SOFTMAX)
    with pytest.raises(UserError, match=r"conv0_weight is \(64, 3, 7, 7\), expected \(64, 1, 7, 7\)"):
        weights.transferred(grey, 1, state, torch.Generator())
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    found = weights.transferred(grey, 1, state, torch.Generator())
    assert found["bn_data_moving_mean"].tolist() == [0] and found["bn_data_moving_var"].tolist() == [1]


@pytest.mark.parametrize("num_layers", [18, 50])
def test_a_network_of_torchvision_answers_alike_where_its_dropped_shifts_are_zero(num_layers):
    """Shortcuts and last convolutions of units are multiplied by the scale of the batch norm behind them."""
    graph, state = residual_network(num_layers, (3, 64, 64), 10, SOFTMAX), torchvision_state(num_layers)
    arrays = weights.transferred(graph, 3, state, torch.Generator())
    scale = state["layer2.0.downsample.1.weight"] / (state["layer2.0.downsample.1.running_var"] + 1e-5).sqrt()
    folded = state["layer2.0.downsample.0.weight"] * scale[:, None, None, None]
    assert torch.allclose(arrays["stage2_unit1_sc_weight"], folded)
    for ours, theirs in {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_var": "running_var",
    }.items():
        assert torch.equal(arrays[f"bn0_{ours}"], state[f"bn1.{theirs}"])
        assert torch.equal(arrays[f"stage4_unit2_bn2_{ours}"], state[f"layer4.1.bn1.{theirs}"])
    plain = "stage4_unit2_conv1_weight"
    assert torch.equal(arrays[plain], state["layer4.1.conv1.weight"])
