"""Networks as other libraries publish them, from the files that those libraries write.

    $(tests/peers/venv.sh) tests/peers/published_networks.py [--only TEXT] [--imgsim]

For every network of torchvision, timm and transformers that ours can be, with random weights, which
no batch norm leaves at 0 or 1: the library saves it, `peer_network` reads that file and computes
features and logits of random pictures, of an odd size too. Passes at a distance of at most 1e-4 from
the library's own, and none of the file's tensors unused but where said. Then the relatives that are
refused: each in one line that says what it is. `--imgsim` adds the real ResNet-50 of the PyPI
package imgsim (convert_imgsim.py has its licence), out of the wheel as it comes.
"""

import argparse
import pathlib
import subprocess
import tempfile
import zipfile

import timm
import torch
import torchvision
import transformers
from safetensors.torch import save_file

from common import Verdict, distance, find_program, read_h5, write_h5
from convert_imgsim import PREFIX, download_wheel
from resnet_reference import CifarResNet

BOUND = 1e-4

TIMM = ["resnet10t", "resnet14t", "resnet18", "resnet18d", "resnet26", "resnet26d", "resnet26t",
        "resnet34d", "resnet50", "resnet50c", "resnet50d", "resnet50s", "resnet50t", "resnet101d",
        "resnet152d", "resnext50_32x4d", "resnext50d_32x4d", "wide_resnet50_2"]

REFUSED = {
    "seresnet50": "squeeze and excitation", "ecaresnet26t": "efficient channel attention",
    "skresnet18": "selective kernels", "resnest26d": "split attention",
    "res2net50_26w_4s": "Res2Net", "resnetrs50": "squeeze and excitation",
    "resnet50_gn": "group normalisation", "resnetv2_50": "pre-activation ResNetV2",
    "resnetv2_50x1_bit": "BiT", "resnet50_clip": "ByobNet", "cspresnet50": "CSPNet",
}


def randomize(model, seed=0):
    """Nothing is 0 or 1; a block's last batch norm scales by about 0.25, as in a trained network."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.3, 0.8, generator=generator)
            torch.nn.init.normal_(module.bias, 0, 0.2, generator=generator)
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, 0, 0.05, generator=generator)
            torch.nn.init.normal_(module.bias, 0, 0.2, generator=generator)
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu",
                                          generator=generator)
    return model.eval()


class Cases:
    def __init__(self, args, folder):
        self.program = find_program("peer_network", args.program)
        self.only, self.folder, self.verdict = args.only, pathlib.Path(folder), Verdict()

    def wanted(self, name):
        return self.only in name

    def run(self, file, images):
        """The answer, or the line of its refusal, and the tensors."""
        write_h5(self.folder / "in.h5", {"images": images})
        command = [self.program, "--weights", file, "--input", self.folder / "in.h5", "--out",
                   self.folder / "out.h5"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip(), None
        return done.stdout.strip(), read_h5(self.folder / "out.h5")

    def compare(self, name, file, features, logits=None, unused=(), sizes=((64, 64), (65, 71))):
        """`features` and `logits` are functions of pictures."""
        worst, lines, complete = 0.0, [], True
        for i, size in enumerate(sizes):
            images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(i))
            said, ours = self.run(file, images)
            if ours is None:
                return self.verdict.check(False, f"{name}: {said}")
            lines = said.split("\n")
            with torch.no_grad():
                expected = {"features": features(images), "eval/features": features(images)}
                if logits:
                    expected["logits"] = logits(images)
            complete &= set(expected) == set(ours)
            for key in set(expected) & set(ours):
                d = distance(ours[key], expected[key].flatten(1).numpy())
                worst = d if not d <= worst else worst
        left = {line.removeprefix("unused ") for line in lines[1:]}
        self.verdict.check(worst <= BOUND and complete and left == set(unused),
                           f"{name}: {lines[0]}, distance {worst:.1e}"
                           + (f", not used: {len(left)} tensors" if left else ""))

    def refused(self, name, file, part):
        said, ours = self.run(file, torch.zeros(1, 3, 64, 64))
        self.verdict.check(ours is None and part in said and "\n" not in said,
                           f"refused {name}: {said.removeprefix(f'peer_network: {file}: ')}")


def headless(model):
    """torchvision's or timm's features: what the head sees."""
    def features(x):
        if hasattr(model, "forward_features"):
            return model.forward_head(model.forward_features(x), pre_logits=True)
        kept, model.fc = model.fc, torch.nn.Identity()
        y = model(x)
        model.fc = kept
        return y
    return features


def check_torchvision(cases):
    for name in ["resnet18", "resnet50"]:
        if not cases.wanted(f"torchvision {name}"):
            continue
        model = randomize(getattr(torchvision.models, name)(num_classes=11))
        state = model.state_dict()
        file = cases.folder / "model.pth"
        for what, content in {
            "": state,
            " in DataParallel": {f"module.{k}": v for k, v in state.items()},
            " compiled": {f"_orig_mod.{k}": v for k, v in state.items()},
            " in a Lightning checkpoint": {"epoch": 3, "state_dict": {
                f"model.{k}": v for k, v in state.items()}},
            " in OpenMMLab's form": {"meta": {"epoch": 3}, "state_dict": {
                (f"head.{k}" if k.startswith("fc") else f"backbone.{k}"): v
                for k, v in state.items()}},
        }.items():
            torch.save(content, file)
            cases.compare(f"torchvision {name}{what}", file, headless(model), model)
        children = torch.nn.Sequential(*list(model.children())[:-1])
        torch.save({f"encoder.{k}": v for k, v in children.state_dict().items()}, file)
        cases.compare(f"torchvision {name}, children in a Sequential", file, headless(model))
        pair = torch.nn.Sequential(model, torch.nn.Linear(11, 5))  # a second layer is no head
        torch.save(pair.state_dict(), file)
        cases.compare(f"torchvision {name}, and a layer behind it", file, headless(model), model,
                      unused=["1.weight", "1.bias"])
        check_moco(cases, name, model)


def check_moco(cases, name, model):
    """Two encoders: the query's is meant. Both have projections of two layers for heads."""
    own = {k: v for k, v in model.state_dict().items() if not k.startswith("fc.")}
    heads = {f"fc.{i}.{part}": torch.zeros(shape) for i in (0, 2)
             for part, shape in (("weight", (8, 8)), ("bias", (8,)))}
    query = {f"module.encoder_q.{k}": v for k, v in (own | heads).items()}
    key = {f"module.encoder_k.{k}": torch.zeros_like(v) for k, v in (own | heads).items()}
    file = cases.folder / "moco.pth.tar"
    torch.save({"arch": name, "state_dict": query | key}, file)
    unused = list(heads) + [k for k in key if not k.endswith("num_batches_tracked")]
    cases.compare(f"torchvision {name} of MoCo", file, headless(model), unused=unused)


def check_cifar(cases):
    if not cases.wanted("cifar"):
        return
    model = randomize(CifarResNet(3, 10))
    file = cases.folder / "resnet20.th"  # akamaster's form
    torch.save({"best_prec1": 91.7, "state_dict": {
        "module." + k.replace("fc.", "linear."): v for k, v in model.state_dict().items()}}, file)
    cases.compare("cifar resnet20.th", file, lambda x: headless(model)(x), model,
                  sizes=((32, 32), (31, 29)))


def check_timm(cases):
    for name in TIMM:
        if not cases.wanted(f"timm {name}"):
            continue
        model = randomize(timm.create_model(name, num_classes=11))
        file = cases.folder / "model.safetensors"
        save_file(model.state_dict(), file)
        cases.compare(f"timm {name}", file, headless(model), model)
        if name == "resnet50d":  # OpenMMLab's ResNetV1d: another name of the stem
            state = {}
            for k, v in model.state_dict().items():
                k = k.replace("bn1.", "stem.7.", 1) if k.startswith("bn1.") else k
                k = k.replace("conv1.", "stem.", 1) if k.startswith("conv1.") else k
                state[f"head.{k}" if k.startswith("fc.") else f"backbone.{k}"] = v
            torch.save({"meta": {}, "state_dict": state}, cases.folder / "v1d.pth")
            cases.compare("timm resnet50d in OpenMMLab's form", cases.folder / "v1d.pth",
                          headless(model), model)


def check_transformers(cases):
    forms = {
        "resnet-18": dict(layer_type="basic", depths=[2, 2, 2, 2],
                          hidden_sizes=[64, 128, 256, 512]),
        "resnet-50": dict(),
        "resnet-26": dict(depths=[2, 2, 2, 2]),
        "narrow": dict(embedding_size=8, hidden_sizes=[32, 64, 128, 256], depths=[1, 2, 1, 1]),
    }
    for name, form in forms.items():
        if not cases.wanted(f"transformers {name}"):
            continue
        config = transformers.ResNetConfig(num_labels=11, **form)
        model = randomize(transformers.ResNetForImageClassification(config))
        model.save_pretrained(cases.folder / name)
        file = cases.folder / name / "model.safetensors"
        cases.compare(f"transformers {name}", file, lambda x: model.resnet(x).pooler_output,
                      lambda x: model(x).logits)
        model.resnet.save_pretrained(cases.folder / name)
        cases.compare(f"transformers {name}, ResNetModel", file,
                      lambda x: model.resnet(x).pooler_output)


def check_refused(cases):
    for name, part in REFUSED.items():
        if not cases.wanted(f"refused {name}"):
            continue
        file = cases.folder / "refused.safetensors"
        save_file(timm.create_model(name).state_dict(), file)
        cases.refused(f"timm {name}", file, part)


def check_imgsim(cases):
    with zipfile.ZipFile(download_wheel(cases.folder)) as wheel:
        file = pathlib.Path(wheel.extract("imgsim/model.pth", cases.folder))
    state = torch.load(file, map_location="cpu", weights_only=True)
    own = {k.removeprefix(PREFIX): v.float() for k, v in state.items()}
    model = torchvision.models.resnet50(num_classes=own["fc.weight"].shape[0])
    model.load_state_dict(own)
    model.eval()
    cases.compare("imgsim 0.1.2, as it comes", file, headless(model), model, sizes=((224, 224),))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--program", help="peer_network (default: the newest build/*/**/peer_network)")
    p.add_argument("--only", default="", metavar="TEXT", help="networks whose name has this in it")
    p.add_argument("--imgsim", action="store_true", help="also the weights of imgsim (93 MB)")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = Cases(args, folder)
        check_torchvision(cases)
        check_cifar(cases)
        check_timm(cases)
        check_transformers(cases)
        check_refused(cases)
        if args.imgsim:
            check_imgsim(cases)
        cases.verdict.exit()


if __name__ == "__main__":
    main()
