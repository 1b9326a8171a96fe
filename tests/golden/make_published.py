"""Makes narrow networks of timm and transformers as those libraries save them, and their logits.

    $(tests/peers/venv.sh) tests/golden/make_published.py [folder]

Writes published/NAME.safetensors and published/expected.h5: `images` f32 [2, 3, 23, 21] and, for
every NAME, `NAME` f64 [2, 5], the logits that the library itself computes in float64.
"""

import pathlib
import sys

import h5py
import numpy as np
import timm
import torch
import transformers
from safetensors.torch import save_file
from timm.models.resnet import BasicBlock, Bottleneck

CLASSES = 5


def from_timm(block, depths, **options):
    return timm.models.resnet.ResNet(block, depths, num_classes=CLASSES, channels=(1, 2, 4, 8),
                                     **options)


def from_transformers(depths, hidden_sizes, **options):
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(
        num_labels=CLASSES, embedding_size=1, depths=depths, hidden_sizes=hidden_sizes, **options))


def with_epsilon(model, epsilon):
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = epsilon
    return model


def networks():
    deep = dict(stem_type="deep", stem_width=2)
    yield "timm_d", from_timm(BasicBlock, [2, 1, 1, 1], avg_down=True, **deep)
    yield "timm_d_bottleneck", from_timm(Bottleneck, [1, 2, 1, 1], avg_down=True,
                                         stem_type="deep_tiered", stem_width=4)
    yield "timm_c", from_timm(Bottleneck, [1, 1, 1, 1], **deep)
    yield "transformers_basic", from_transformers([1, 1, 2, 1], [1, 2, 4, 8], layer_type="basic")
    yield "transformers_bottleneck", from_transformers([1, 2, 1, 1], [4, 8, 16, 32])
    # The stride in the 1x1 convolution, and an epsilon: neither shows in the file.
    yield "transformers_v1", with_epsilon(from_transformers(
        [1, 2, 1, 1], [4, 8, 16, 32], downsample_in_bottleneck=True), 1e-3)


def randomize(model, generator):
    """Nothing is 0 or 1; all are float32 numbers."""
    with torch.no_grad():
        for name, x in model.state_dict().items():
            if x.dim() > 1:
                value = torch.randn(x.shape, generator=generator) * (2 / x[0].numel()) ** 0.5
            elif name.endswith(("running_var", "weight")):
                value = torch.rand(x.shape, generator=generator) + 0.5
            elif x.dtype.is_floating_point:
                value = torch.randn(x.shape, generator=generator) * 0.2
            else:
                continue
            x.copy_(value)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    folder /= "published"
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 23, 21, generator=generator)
    with h5py.File(folder / "expected.h5", "w") as expected:
        expected["images"] = images.numpy()
        for name, model in networks():
            randomize(model, generator)
            save_file(model.state_dict(), folder / f"{name}.safetensors")
            with torch.no_grad():
                out = model.eval().double()(images.double())
            logits = getattr(out, "logits", out).numpy()
            expected[name] = logits
            print(f"{name}: {(folder / f'{name}.safetensors').stat().st_size} bytes, logits of "
                  f"norm {np.linalg.norm(logits):.3f}")


if __name__ == "__main__":
    main()
