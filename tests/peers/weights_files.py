#!/usr/bin/env python3
"""Weights files of PyTorch's and safetensors' own making, for tests/io and tests/apps.

    $(tests/peers/venv.sh) tests/peers/weights_files.py            writes tests/golden/weights/
    $(tests/peers/venv.sh) tests/peers/weights_files.py FILE...    loads safetensors that tlrun wrote

The first form writes one narrow ResNet and some odd tensors in every form that torch.save and
safetensors have; expected.h5 holds what each must be read as, by file and name. The second passes
when the safetensors package reads each FILE and torchvision's ResNet of its shapes takes it with
load_state_dict(strict=True).
"""

import argparse
import collections
import pathlib
import sys

import h5py
import numpy as np
import safetensors.torch
import torch
import torchvision

FOLDER = pathlib.Path(__file__).parent.parent / "golden" / "weights"


def narrow_resnet(blocks=(1, 1, 1, 1), width=1, classes=3, channels=3, block=None):
    """torchvision's, with few channels."""
    block = block or torchvision.models.resnet.BasicBlock
    net = torchvision.models.ResNet(block, list(blocks), num_classes=classes)
    net.inplanes = width
    net.conv1 = torch.nn.Conv2d(channels, width, 7, 2, 3, bias=False)
    net.bn1 = torch.nn.BatchNorm2d(width)
    for i in range(4):
        stage = net._make_layer(block, width << i, blocks[i], stride=1 if i == 0 else 2)
        setattr(net, f"layer{i + 1}", stage)
    net.fc = torch.nn.Linear(width * 8 * block.expansion, classes)
    return net


def randomized(net):
    """No number is the same as another, so that none can be taken for another."""
    with torch.no_grad():
        for i, tensor in enumerate(net.state_dict().values()):
            if tensor.dtype.is_floating_point:
                tensor.copy_(torch.rand(tensor.shape) + 0.5)
            else:
                tensor.fill_(1000 + i)
    return net


def odd_tensors():
    """Every dtype, views, shared storages, and shapes that bite."""
    base = torch.arange(60, dtype=torch.float32) / 7 - 3
    halves = torch.arange(0, 1 << 16, 257, dtype=torch.int32).to(torch.int16).view(torch.float16)
    return collections.OrderedDict(
        f64=torch.linspace(-1, 1, 5, dtype=torch.float64) / 3,
        f32=torch.tensor([0.1, -0.0, float("inf"), float("nan"), 1e-45]),
        f16=halves,
        bf16=(torch.arange(9, dtype=torch.float32) * 1e38 / 3 - 1).to(torch.bfloat16),
        i64=torch.tensor([[-(2**31), 2**31 - 1], [0, 7]]),
        i32=torch.tensor([-5, 2**31 - 1], dtype=torch.int32),
        i16=torch.tensor([-32768, 32767], dtype=torch.int16),
        i8=torch.tensor([-128, 127, 3], dtype=torch.int8),
        u8=torch.tensor([0, 255, 3], dtype=torch.uint8),
        boolean=torch.tensor([True, False, True]),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        whole=base.view(3, 4, 5),
        transposed=base.view(3, 20).t(),
        permuted=base.view(3, 4, 5).permute(2, 0, 1),
        slice=base.view(3, 4, 5)[1:, ::2, 3:],
        expanded=base[7:8].expand(4, 2),
        channels_last=torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        tail=base[55:],
    )


def array_of(tensor):
    """As tlrun holds it: bf16 as its bits, f16 as f32, integers as i32."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().astype(np.int32)
    if tensor.dtype == torch.float16:
        return tensor.to(torch.float32).numpy()
    if tensor.dtype == torch.bool:
        return tensor.numpy().astype(np.uint8)
    if tensor.dtype in (torch.int64, torch.int16, torch.int8):
        return tensor.numpy().astype(np.int32)
    return tensor.numpy()


def write_golden():
    torch.manual_seed(7)
    net = randomized(narrow_resnet())
    odd = odd_tensors()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    net(torch.rand(2, 3, 33, 33)).sum().backward()
    optimizer.step()
    state = collections.OrderedDict((k, v.clone()) for k, v in net.state_dict().items())
    state._metadata = net.state_dict()._metadata
    prefixed = collections.OrderedDict((f"module.backbone.{k}", v) for k, v in state.items())
    checkpoint = {
        "epoch": 12,
        "arch": "resnet18",
        "best": 0.75,
        "big": 1 << 80,
        "none": None,
        "history": [(1, 0.5), (2, True)],
        "shape": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "state_dict": prefixed,
        "optimizer": optimizer.state_dict(),
        "scheduler": {"milestones": collections.Counter([3, 4]), "loss": torch.tensor(1.5)},
    }
    parameters = {name: p for name, p in net.named_parameters() if name.startswith("fc.")}
    parameters["tied"] = parameters["fc.weight"]

    legacy = {"_use_new_zipfile_serialization": False}
    files = {
        "resnet.pth": (state, {}),
        "resnet_legacy.pth": (state, legacy),
        "checkpoint.pth": (checkpoint, {}),
        "checkpoint_legacy.pth": (checkpoint, legacy),
        "odd.pt": (odd, {}),
        "odd_legacy.pt": (odd, legacy),
        "odd_protocol4.pt": (odd, {"pickle_protocol": 4}),
        "odd_protocol5_legacy.pt": (odd, {"pickle_protocol": 5, **legacy}),
        "parameters.pth": ({"net": parameters}, {}),
    }
    tensors = {name: content for name, (content, _) in files.items()}
    tensors["checkpoint.pth"] = tensors["checkpoint_legacy.pth"] = prefixed
    tensors["parameters.pth"] = parameters

    FOLDER.mkdir(exist_ok=True)
    for name, (content, options) in files.items():
        torch.save(content, FOLDER / name, **options)
    contiguous = {name: tensor.contiguous().clone() for name, tensor in odd.items()}
    safetensors.torch.save_file(contiguous, FOLDER / "odd.safetensors", metadata={"format": "pt"})
    safetensors.torch.save_file(dict(state), FOLDER / "resnet.safetensors")
    tensors["odd.safetensors"] = contiguous
    tensors["resnet.safetensors"] = state
    torch.save(torch.nn.Linear(1, 1), FOLDER / "module.pth")  # an object, which is refused

    with h5py.File(FOLDER / "expected.h5", "w", libver="latest") as file:
        for name, content in (("resnet", state), ("odd", odd), ("parameters", parameters)):
            for key, tensor in content.items():
                file.create_dataset(f"{name}/{key}", data=array_of(tensor), track_times=False)
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:7} {path.name}")
    return 0


def check_files(paths):
    failures = 0
    for path in paths:
        state = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, framework="pt") as file:
            print(path, "metadata:", file.metadata())
        width, classes = state["conv1.weight"].shape[0], state["fc.weight"].shape[0]
        stages = [{k.split(".")[1] for k in state if k.startswith(f"layer{i}.")} for i in range(1, 5)]
        blocks = [len(stage) for stage in stages]
        net = narrow_resnet(blocks, width, classes)
        try:
            print(path, net.load_state_dict(state, strict=True))
        except RuntimeError as error:
            print(path, error)
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*")
    given = parser.parse_args().files
    sys.exit(check_files(given) if given else write_golden())
