"""Makes the golden files of narrow residual networks, in float64 with PyTorch.

    $(tests/peers/venv.sh) tests/golden/make_golden.py [folder]

README.md beside this file says what the files hold and who reads them. torchvision's ResNet class
fixes its first width at 64, so the networks here are put together from torchvision's own blocks under
torchvision's names.
"""

import dataclasses
import pathlib
import sys

import h5py
import numpy as np
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

CLASSES = 7
STEPS, LEARNING_RATE, MOMENTUM = 10, 0.01, 0.9
LARGEST_FINAL = 512  # elements: half of the size would be the filters after the steps


@dataclasses.dataclass
class Form:
    block: type
    layers: list  # blocks per layer
    seed: int
    width: int = 4
    groups: int = 1
    width_per_group: int = 64
    cifar: bool = False  # a 3x3 stem, option A shortcuts, the head called "linear"
    images: tuple = (2, 3, 35, 29)


FORMS = {
    "resnet_basic_w4.h5": Form(BasicBlock, [1, 1, 1, 1], 1),
    "resnet_bottleneck_w4.h5": Form(Bottleneck, [2, 1, 1, 1], 2),
    "resnet_wide_w2.h5": Form(Bottleneck, [1, 1, 1, 1], 3, width=2, width_per_group=128),
    "resnet_groups_w2.h5": Form(Bottleneck, [1, 1, 1, 1], 4, width=2, groups=2),
    "resnet_cifar_w4.h5": Form(BasicBlock, [1, 2, 1], 5, cifar=True, images=(2, 3, 13, 10)),
}


class OptionA(nn.Module):
    """He et al. 2015, 3.3 (A): every second pixel, zeros for the channels that are new."""

    def __init__(self, missing):
        super().__init__()
        self.before = missing // 2
        self.after = missing - self.before

    def forward(self, x):
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class NarrowResNet(nn.Module):
    """torchvision's ResNet with `width` instead of 64 channels in the first stage."""

    def __init__(self, form):
        super().__init__()
        channels, self.cifar = form.width, form.cifar
        stem = dict(kernel_size=3, padding=1) if form.cifar else dict(
            kernel_size=7, stride=2, padding=3)
        self.conv1 = nn.Conv2d(3, channels, bias=False, **stem)
        self.bn1 = nn.BatchNorm2d(channels)
        self.stages = len(form.layers)
        for i, count in enumerate(form.layers):
            planes, layer = form.width << i, []
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                out = planes * form.block.expansion
                shortcut = None
                if stride != 1 or channels != out:
                    shortcut = OptionA(out - channels) if form.cifar else nn.Sequential(
                        nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
                layer.append(form.block(channels, planes, stride, shortcut, form.groups,
                                        form.width_per_group))
                channels = out
            setattr(self, f"layer{i + 1}", nn.Sequential(*layer))
        setattr(self, "linear" if form.cifar else "fc", nn.Linear(channels, CLASSES))

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        if not self.cifar:
            x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return (self.linear if self.cifar else self.fc)(x.mean((2, 3)))


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


def golden(form):
    generator = torch.Generator().manual_seed(form.seed)
    model = NarrowResNet(form).double()
    randomize(model, generator)
    images = torch.randn(form.images, generator=generator, dtype=torch.float64).float()
    labels = torch.randint(CLASSES, form.images[:1], generator=generator)

    out = {}
    out["layers"] = np.array(form.layers, np.int32)
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
    for file, form in FORMS.items():
        with h5py.File(folder / file, "w") as h5:
            tensors = golden(form)
            for name, value in tensors.items():
                h5.create_dataset(name, data=np.ascontiguousarray(value))
        print(f"{folder / file}: {len(tensors)} arrays, {(folder / file).stat().st_size} bytes, "
              f"losses {tensors['train/losses'][0]:.6f} to {tensors['train/losses'][-1]:.6f}")


if __name__ == "__main__":
    main()
