"""Makes the golden files of two narrow residual networks, in float64 with PyTorch.

    $(tests/peers/venv.sh) tests/golden/make_golden.py [folder]

README.md beside this file says what the files hold and who reads them. torchvision's ResNet class
fixes its first width at 64, so the network here is put together from torchvision's own blocks under
torchvision's names.
"""

import pathlib
import sys

import h5py
import numpy as np
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

WIDTH, CLASSES, IMAGES = 4, 7, (2, 3, 35, 29)
STEPS, LEARNING_RATE, MOMENTUM = 10, 0.01, 0.9
LARGEST_FINAL = 512  # elements: half of the size would be the filters after the steps


class NarrowResNet(nn.Module):
    """torchvision's ResNet with WIDTH instead of 64 channels after the first convolution."""

    def __init__(self, block, blocks_per_layer):
        super().__init__()
        channels = WIDTH
        self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        for i, count in enumerate(blocks_per_layer):
            planes, layer = WIDTH << i, []
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                out = planes * block.expansion
                downsample = None
                if stride != 1 or channels != out:
                    downsample = nn.Sequential(
                        nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
                layer.append(block(channels, planes, stride, downsample))
                channels = out
            setattr(self, f"layer{i + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def randomize(model, generator):
    """Random weights, and random batch-norm affine and running statistics: none is 0 or 1.

    All are rounded to float32, so that a float32 network starts from the same numbers.
    """
    def normal(shape, scale):
        return torch.randn(shape, generator=generator, dtype=torch.float64) * scale

    for name, x in parameters_and_buffers(model).items():
        if x.dim() > 1:  # filters and the linear layer: He et al. 2015, variance 2 / inputs
            value = normal(x.shape, (2 / x[0].numel()) ** 0.5)
        elif name.endswith(("running_var", "weight")):
            value = 0.5 + torch.rand(x.shape, generator=generator, dtype=torch.float64)
        else:
            value = normal(x.shape, 0.2)
        x.copy_(value.float())


def parameters_and_buffers(model):
    """The live tensors by name, without PyTorch's counters of batches."""
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def golden(block, blocks_per_layer, seed):
    generator = torch.Generator().manual_seed(seed)
    model = NarrowResNet(block, blocks_per_layer).double()
    randomize(model, generator)
    images = torch.randn(IMAGES, generator=generator, dtype=torch.float64).float()
    labels = torch.randint(CLASSES, (IMAGES[0],), generator=generator)

    out = {}
    out["layers"] = np.array(blocks_per_layer, np.int32)
    out["images"] = images
    out["labels"] = labels.int()
    for name, x in parameters_and_buffers(model).items():
        out[f"weights/{name}"] = x.float()

    x = images.double()
    with torch.no_grad():
        out["forward/logits"] = model.eval()(x)

    model.train()
    x.requires_grad_()
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    losses = []
    for step in range(STEPS + 1):
        optimizer.zero_grad()
        if step == STEPS:  # measuring the last loss must not move the running statistics
            final = {k: v.clone() for k, v in parameters_and_buffers(model).items()}
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, labels)
        losses.append(loss.item())
        if step == STEPS:
            break
        loss.backward()
        if step == 0:
            out["train/logits"] = logits.detach()
            out["train/loss"] = np.array([loss.item()])
            out["train/grad/input"] = x.grad.clone()
            for name, p in model.named_parameters():
                out[f"train/grad/{name}"] = p.grad.clone()
        optimizer.step()
    out["train/losses"] = np.array(losses)
    for name, value in final.items():
        if value.numel() <= LARGEST_FINAL:
            out[f"train/final/{name}"] = value
    return out


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)
    for file, block, layers, seed in (
        ("resnet_basic_w4.h5", BasicBlock, [1, 1, 1, 1], 1),
        ("resnet_bottleneck_w4.h5", Bottleneck, [2, 1, 1, 1], 2),
    ):
        with h5py.File(folder / file, "w") as h5:
            tensors = golden(block, layers, seed)
            for name, value in tensors.items():
                h5.create_dataset(name, data=np.ascontiguousarray(value))
        print(f"{folder / file}: {len(tensors)} arrays, {(folder / file).stat().st_size} bytes, "
              f"losses {tensors['train/losses'][0]:.6f} to {tensors['train/losses'][-1]:.6f}")


if __name__ == "__main__":
    main()
