"""The residual networks of the original, with pre-activation [He et al. 2016, Identity Mappings], as graphs.

A network is defined once, here. `executor` trains and serves this graph, and the artifact holds it as a symbol, so that the
three cannot differ. Names, operators and attributes are those of real jobs of the original.

    family          depths                        stages of units, and filters of each
    large images    18 34 · 50 101 152 200        4: 64 128 256 512 · 4: 256 512 1024 2048 (bottlenecks)
    small images    20 32 44 56 110               3: 16 32 64

Shapes are (images, channels, height, width). The stem gives H × W for images of at most 32 pixels, else H/4 × W/4; every
stage after the first halves height and width; the last pooling takes the mean of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from wildsage.algorithms.base.graph import VARIABLE, Graph, Input, Node

LARGE = {
    18: (2, 2, 2, 2), 34: (3, 4, 6, 3),
    50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3),
}  # fmt: skip
"""Units of each stage, by depth; from 50 layers on a unit is a bottleneck of three convolutions."""

SMALL = {depth: ((depth - 2) // 6,) * 3 for depth in (20, 32, 44, 56, 110)}

DEPTHS = tuple(sorted({**LARGE, **SMALL}))

BOTTLENECK_FROM = 50
PLAIN_STEM_UP_TO = 32
"""Images of at most this height, in pixels, keep their size in the stem."""

DATA, LABEL, OUTPUT = "data", "softmax_label", "softmax"
LAST_LAYER = ("fc_weight", "fc_bias")
"""The parameters that depend on the classes. Transfer learning initialises them at random."""

SOFTMAX, SIGMOID = "SoftmaxOutput", "LogisticRegressionOutput"


def residual_network(num_layers: int, image_shape: tuple[int, int, int], num_classes: int, output: str) -> Graph:
    """The network of `num_layers` for images (channels, height, width); `output` is SOFTMAX or SIGMOID.

    Any depth goes with any height; the original allows the small depths up to 28 pixels only.
    """
    units, filters, bottleneck = _family(num_layers)
    builder = _GraphBuilder()
    x = builder.stem(builder.variable(DATA), image_shape[1], filters[0])
    for stage, (count, width) in enumerate(zip(units, filters[1:], strict=True), start=1):
        for unit in range(1, count + 1):
            stride = 2 if stage > 1 and unit == 1 else 1
            add_unit = builder.bottleneck if bottleneck else builder.basic
            x = add_unit(x, f"stage{stage}_unit{unit}", width, stride, changes_shape=unit == 1)
    head = builder.classifier(x, num_classes, output)
    return Graph(tuple(builder.nodes), ((head, 0, 0),))


def _family(num_layers: int) -> tuple[Sequence[int], Sequence[int], bool]:
    """Units of each stage, filters of the stem and of each stage, and whether units are bottlenecks."""
    if num_layers in SMALL:
        return SMALL[num_layers], (16, 16, 32, 64), False
    if num_layers >= BOTTLENECK_FROM:
        return LARGE[num_layers], (64, 256, 512, 1024, 2048), True
    return LARGE[num_layers], (64, 64, 128, 256, 512), False


class _GraphBuilder:
    """Builds the nodes. Every method adds an operator, after the variables that it needs, and returns its number."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._sums = 0

    def stem(self, data: int, height: int, filters: int) -> int:
        """Starts with a batch norm of the pixels, which are 0 to 255, so that no mean need be given."""
        x = self._add("_copy", "id", [data])
        x = self._batch_norm(x, "bn_data", fix_gamma=True)
        if height <= PLAIN_STEM_UP_TO:
            return self._convolution(x, "conv0", filters, kernel=3, stride=1, pad=1)  # (n, f, H, W)
        x = self._convolution(x, "conv0", filters, kernel=7, stride=2, pad=3)  # (n, f, H/2, W/2)
        x = self._relu(self._batch_norm(x, "bn0"), "relu0")
        window = {"kernel": "(3, 3)", "pad": "(1, 1)", "pool_type": "max", "stride": "(2, 2)"}
        return self._add("Pooling", "pooling0", [x], window)  # (n, f, H/4, W/4)

    def basic(self, x: int, name: str, filters: int, stride: int, *, changes_shape: bool) -> int:
        """x + conv2(relu(bn2(conv1(relu(bn1(x)))))): (n, f, h, w) → (n, filters, h/stride, w/stride)."""
        first = self._activated(x, name, 1)
        y = self._convolution(first, f"{name}_conv1", filters, kernel=3, stride=stride, pad=1)
        y = self._convolution(self._activated(y, name, 2), f"{name}_conv2", filters, kernel=3, stride=1, pad=1)
        return self._sum(y, self._shortcut(first, name, filters, stride) if changes_shape else x)

    def bottleneck(self, x: int, name: str, filters: int, stride: int, *, changes_shape: bool) -> int:
        """The same with three convolutions: 1 × 1 and, with the stride, 3 × 3 of a quarter of the filters, then 1 × 1."""
        first = self._activated(x, name, 1)
        y = self._convolution(first, f"{name}_conv1", filters // 4, kernel=1, stride=1, pad=0)
        y = self._activated(y, name, 2)
        y = self._convolution(y, f"{name}_conv2", filters // 4, kernel=3, stride=stride, pad=1)
        y = self._convolution(self._activated(y, name, 3), f"{name}_conv3", filters, kernel=1, stride=1, pad=0)
        return self._sum(y, self._shortcut(first, name, filters, stride) if changes_shape else x)

    def classifier(self, x: int, num_classes: int, output: str) -> int:
        """(n, f, h, w) → mean over the image (n, f, 1, 1) → (n, classes) → probabilities."""
        x = self._relu(self._batch_norm(x, "bn1"), "relu1")
        x = self._add("Pooling", "pool1", [x], {"global_pool": "True", "kernel": "(7, 7)", "pool_type": "avg"})
        x = self._add("Flatten", "flatten0", [x])
        settings = {"num_hidden": str(num_classes)}
        weights = [self.variable(name, settings) for name in LAST_LAYER]
        x = self._add("FullyConnected", "fc", [x, *weights], settings)
        return self._add(output, OUTPUT, [x, self.variable(LABEL)])

    def variable(self, name: str, attributes: dict[str, str] | None = None) -> int:
        """Add a parameter, the data or the label."""
        return self._place(Node(VARIABLE, name, attributes or {}))

    def _activated(self, x: int, name: str, number: int) -> int:
        return self._relu(self._batch_norm(x, f"{name}_bn{number}"), f"{name}_relu{number}")

    def _shortcut(self, x: int, name: str, filters: int, stride: int) -> int:
        return self._convolution(x, f"{name}_sc", filters, kernel=1, stride=stride)

    def _sum(self, x: int, y: int) -> int:
        self._sums += 1
        return self._add("elemwise_add", f"_plus{self._sums - 1}", [x, y])

    def _relu(self, x: int, name: str) -> int:
        return self._add("Activation", name, [x], {"act_type": "relu"})

    def _convolution(self, x: int, name: str, filters: int, *, kernel: int, stride: int, pad: int | None = None) -> int:
        settings = {"kernel": f"({kernel}, {kernel})", "no_bias": "True", "num_filter": str(filters)}
        if pad is not None:
            settings["pad"] = f"({pad}, {pad})"
        settings |= {"stride": f"({stride}, {stride})", "workspace": "256"}
        return self._add("Convolution", name, [x, self.variable(f"{name}_weight", settings)], settings)

    def _batch_norm(self, x: int, name: str, *, fix_gamma: bool = False) -> int:
        settings = {"eps": "2e-05", "fix_gamma": str(fix_gamma), "momentum": "0.9"}
        learned = [self.variable(f"{name}_{kind}", settings) for kind in ("gamma", "beta")]
        starts = {"moving_mean": '["zero", {}]', "moving_var": '["one", {}]'}
        moving = [self.variable(f"{name}_{kind}", {"__init__": how, **settings}) for kind, how in starts.items()]
        inputs = [(number, 0, 0) for number in (x, *learned)] + [(number, 0, 1) for number in moving]
        return self._place(Node("BatchNorm", name, settings, tuple(inputs)))

    def _add(self, op: str, name: str, inputs: Sequence[int], attributes: dict[str, str] | None = None) -> int:
        origins: tuple[Input, ...] = tuple((number, 0, 0) for number in inputs)
        return self._place(Node(op, name, attributes or {}, origins))

    def _place(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1
