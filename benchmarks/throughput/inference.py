"""Ways to run the bundled network on a CPU, beside each other.

Usage: python -m benchmarks.throughput.inference [--group 3] [--batch 64] [--bands 4]
           [--threads 1] [--repeats 7]

As it is; with the normalisations taken into the convolutions, as `BinaryClassifier`
runs it; both in torch's usual order of memory; in bfloat16; through ``torch.compile``
(which needs a C++ compiler) and ``torch.jit``; and the residual stages in ONNX Runtime,
where it is installed. Printed are medians in milliseconds a stack, each way's speed
over that of the network as it is, and the largest difference of a probability.
"""

import argparse
import importlib.util
import io
import sys
import time

import numpy as np
import torch
from torch import nn

from astro_vbinary.classification.weights import find_weights, load_network


class Stages(nn.Module):
    """What follows the first layers."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        """Scores and further outputs of first features."""
        net = self.network
        x = net.extra(net.layer4(net.layer3(net.layer2(net.layer1(x)))))
        return net.fc(torch.flatten(net.avgpool(x), 1))


def ways(network, inputs, features):
    """Functions by name, each with the name of what it is compared to."""
    fused = network.fused().to(memory_format=torch.channels_last)
    plain = [part.contiguous() for part in inputs[:2]]
    usual = network.fused().to(memory_format=torch.contiguous_format)

    def half():
        with torch.autocast("cpu", torch.bfloat16):
            return fused(*inputs).float()

    yield "as it is", "network", lambda: network(*inputs)
    yield "normalisation folded", "network", lambda: fused(*inputs)
    yield "folded, usual order", "network", lambda: usual(*plain, inputs[2])
    yield "folded, bfloat16", "network", half
    stages = Stages(fused)
    yield "stages: folded", "stages", lambda: stages(features)
    traced = torch.jit.optimize_for_inference(
        torch.jit.freeze(torch.jit.trace(stages.eval(), features))
    )
    yield "stages: torch.jit", "stages", lambda: traced(features)
    compiled = torch.compile(stages)
    yield "stages: torch.compile", "stages", lambda: compiled(features)
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        yield "stages: ONNX Runtime", "stages", _onnx(Stages(usual), features)


def _onnx(stages, features):
    import onnxruntime

    file = io.BytesIO()
    torch.onnx.export(stages, (features,), file, input_names=["x"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    images = features.contiguous().numpy()
    return lambda: torch.from_numpy(session.run(None, {"x": images})[0])


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--bands", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    card = find_weights(group=given.group, policy="published")
    side = card.entries["grid"]["side"]
    network = load_network(card).eval().to(memory_format=torch.channels_last)
    channels = len(card.preprocessing.channels), len(card.preprocessing.band_channels)
    counts = given.batch, given.batch * given.bands
    images = [
        torch.randn(n, c, side, side).to(memory_format=torch.channels_last)
        for n, c in zip(counts, channels, strict=True)
    ]
    owner = torch.arange(given.batch).repeat_interleave(given.bands)
    first = torch.randn(given.batch, network.conv1.out_channels, side // 4, side // 4)
    first = first.to(memory_format=torch.channels_last)
    base = {}
    print(f"{card.id}, batches of {given.batch}, {given.threads} threads")
    with torch.no_grad():
        for name, of, function in ways(network, [*images, owner], first):
            try:
                made = function()
            except Exception as error:
                print(f"{name:>24}  not possible here: {type(error).__name__}")
                continue
            times = []
            for _ in range(given.repeats):
                start = time.perf_counter()
                function()
                times.append(1e3 * (time.perf_counter() - start) / given.batch)
            spent = float(np.median(times))
            probability = made[:, :2].softmax(1)
            slow, wanted = base.setdefault(of, (spent, probability))
            apart = float((probability - wanted).abs().max())
            print(
                f"{name:>24}  {spent:7.3f} ms  {slow / spent:5.2f} times  "
                f"largest difference {apart:.1e}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
