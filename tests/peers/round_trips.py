#!/usr/bin/env python3
"""Models out of tlrun and into other programs: torchvision and ONNX Runtime.

    $(tests/peers/venv.sh) tests/peers/round_trips.py --data DIR

For each architecture, torchvision's network goes .pth -> .h5 -> .safetensors and back into
torchvision with strict=True; passes if every tensor has the same bits and the logits are the same.
As ONNX it passes onnx.checker (full) and gives torchvision's logits in ONNX Runtime, for one picture
and for three, to a relative distance of 1e-4 (f32 sums in another order, batch norms folded).

Then a ResNet-18 is fine-tuned on DIR (a folder of pictures per class, or train/ and val/), and a
ResNet-18-D trained, on pictures of an odd size. For each of DIR's validation pictures,
probabilities by ONNX Runtime, which gets the picture as the model's metadata says, and by
torchvision, from the safetensors, are those of `tlrun predict` to 1e-4.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime
import safetensors
import safetensors.torch
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision.transforms import functional

from common import Verdict, distance, find_program

ARCHITECTURES = ["resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2"]
BOUND = 1e-4


def random_network(name, classes=1000):
    """torchvision's, with running statistics and affines that are no zeros and ones."""
    net = torchvision.models.get_model(name, num_classes=classes)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.2, 0.6)
                module.bias.uniform_(-0.2, 0.2)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.num_batches_tracked.fill_(7)
    return net.eval()


def logits_of(net, x):
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()


def session_of(path):
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


class Tlrun:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __call__(self, *words, code=0):
        done = subprocess.run([self.program, *map(str, words)], cwd=self.folder, text=True, capture_output=True)
        if done.returncode != code:
            raise RuntimeError(f"tlrun {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def check_architecture(name, tlrun, verdict):
    folder = tlrun.folder
    net = random_network(name)
    torch.save(net.state_dict(), folder / "a.pth")
    tlrun("convert", "a.pth", "b.h5")
    tlrun("convert", "b.h5", "c.safetensors")
    state = safetensors.torch.load_file(folder / "c.safetensors")
    back = torchvision.models.get_model(name).eval()
    back.load_state_dict(state, strict=True)
    original = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    same = original.keys() == state.keys() and all(
        torch.equal(original[k].view(torch.int32), state[k].view(torch.int32)) for k in state)
    verdict.check(same, f"{name}: .pth -> .h5 -> .safetensors: {len(state)} tensors, the same bits")

    x = np.random.default_rng(1).standard_normal((3, 3, 224, 224)).astype(np.float32)
    expected = logits_of(net, x)
    verdict.check(np.array_equal(logits_of(back, x), expected), f"{name}: torchvision, strict=True: the same logits")
    for a, b in [("a.pth", "b.h5"), ("a.pth", "c.safetensors"), ("b.h5", "a.pth")]:
        report = tlrun("inspect", a, "--diff", b)
        verdict.check(f"equal: {len(state)} tensors" in report, f"{name}: inspect {a} --diff {b}: {report.splitlines()[-1]}")
    net.layer3[0].conv1.weight.data[0, 0, 0, 0] += 1e-3
    torch.save(net.state_dict(), folder / "d.pth")
    report = json.loads(tlrun("inspect", "a.pth", "--diff", "d.pth", "--json", code=1))
    verdict.check([t["name"] for t in report["tensors"]] == ["layer3.0.conv1.weight"], f"{name}: inspect finds one changed number")

    tlrun("export", "b.h5", "e.onnx")
    session = session_of(folder / "e.onnx")
    for n in (1, 3):
        d = distance(session.run(["logits"], {"input": x[:n]})[0], expected[:n])
        verdict.check(d <= BOUND, f"{name}: ONNX Runtime, batch {n}: {d:.1e} from torchvision's logits")


def normalised(path, how):
    """A picture as the metadata says."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file).convert("RGB")
    picture = functional.center_crop(functional.resize(picture, how["resize"]), how["crop"])
    return functional.normalize(functional.to_tensor(picture), how["mean"], how["std"]).numpy()


def softmax(logits):
    e = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check_trained(what, options, data, tlrun, verdict, torchvisions=None):
    """Trains; exports; compares with tlrun predict, on the validation pictures of `data`."""
    folder = tlrun.folder / what.replace(" ", "_")
    tlrun("train", *options, "--data", data, "--epochs", 2, "--out", folder)
    tlrun("export", folder, folder / "run.onnx")
    tlrun("convert", folder, folder / "run.safetensors")

    session = session_of(folder / "run.onnx")
    metadata = session.get_modelmeta().custom_metadata_map
    classes, how = json.loads(metadata["classes"]), json.loads(metadata["preprocessing"])
    with safetensors.safe_open(folder / "run.safetensors", framework="pt") as file:
        verdict.check(json.loads(file.metadata()["classes"]) == classes, f"{what}: classes travel: {', '.join(classes)}")

    pictures = data / "val" if (data / "val").is_dir() else data
    lines = tlrun("predict", "--model", folder, "--json", "--top", len(classes), pictures).splitlines()
    answers = [json.loads(line) for line in lines]
    ours = np.array([[{t["class"]: t["probability"] for t in a["top"]}[c] for c in classes] for a in answers])
    verdict.check(np.ptp(ours[:, 0]) > 0.05, f"{what}: probabilities from {ours[:, 0].min():.3f} to {ours[:, 0].max():.3f}")
    x = np.stack([normalised(a["file"], how) for a in answers])
    found = {"ONNX Runtime": session.run(["logits"], {"input": x})[0]}
    if torchvisions:
        net = torchvision.models.get_model(torchvisions, num_classes=len(classes)).eval()
        net.load_state_dict(safetensors.torch.load_file(folder / "run.safetensors"), strict=True)
        found["torchvision"] = logits_of(net, x)
    for name, logits in found.items():
        most = np.abs(softmax(logits) - ours).max()
        verdict.check(most <= BOUND, f"{what}: {name}: {len(ours)} photographs within {most:.1e} of tlrun predict")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="pictures to fine-tune on")
    parser.add_argument("--tlrun", help="the program [the newest in build/]")
    options = parser.parse_args()
    torch.manual_seed(7)
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(find_program("tlrun", options.tlrun)).resolve()
        tlrun = Tlrun(str(program), pathlib.Path(folder))
        for name in ARCHITECTURES:
            check_architecture(name, tlrun, verdict)
        data = options.data.resolve()
        torch.save(torchvision.models.resnet18().state_dict(), tlrun.folder / "start.pth")
        fine_tuned = ["--weights", "start.pth", "--unfreeze", "layer4", "--lr", "1e-3"]
        check_trained("fine-tuned ResNet-18", fine_tuned, data, tlrun, verdict, "resnet18")
        # Its shortcuts average over windows that pictures of odd sizes do not fill.
        check_trained("ResNet-18-D", ["--scratch", "--arch", "resnet18d", "--size", 97], data, tlrun, verdict)
    verdict.exit()


if __name__ == "__main__":
    main()
