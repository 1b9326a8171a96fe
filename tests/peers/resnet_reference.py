"""Compares our ResNets with PyTorch's: logits, every gradient, ten steps of SGD.

    $(tests/peers/venv.sh) tests/peers/resnet_reference.py [--arch resnet18 resnet50] [--seeds 5]
    $(tests/peers/venv.sh) tests/peers/resnet_reference.py --arch every --only a --steps 1

Networks are torchvision's, and He et al.'s for CIFAR (resnet20 to resnet110, here written with
torchvision's block); their pictures are half as large, their classes 10. All have random weights and random batch-norm affine and running statistics.
Weights and images are float32 numbers, so that every precision starts from the same ones. Ours is
`peer_step`. Three questions, three checks:

(a) Are the formulas right? Our `ref` device in float64 against PyTorch in float64, one seed:
    logits (inference and training), loss, every gradient   within 1e-9
    the 11 losses around 10 steps, and the state after them  within 1e-7
    Two correct programs differ by rounding alone; 1e-9 leaves room for its growth through 50 layers.

(b) Are the float32 kernels as exact as PyTorch's? Our `cpu` device in float32, with direct sums
    for convolutions (--variant conv2d=implicit_gemm), against PyTorch in float64; PyTorch's own float32 distance to the same numbers is the yardstick. Per tensor, the
    median over the seeds of ours may be at most twice the median of PyTorch's (the larger one of its
    two layouts, contiguous and channels last, which are both PyTorch). Within 2^-24, half a unit of
    float32, nobody is asked to be closer. The first loss is one number, close by luck at times: its
    yardstick is the distance of the logits that it is computed from. A network of this depth has
    millions of activations, and in most problems one is so close to 0 that some float32 side puts it
    on the other side of the ReLU; gradients then jump by 1e-4 to 1e-2, in PyTorch's two layouts as
    well. Such a problem says nothing about kernels and is redrawn; how often, and by whose flips, is
    printed. The state after 10 steps is printed, not judged: trajectories part at the same kinks.

(c) How much does Winograd's algorithm round? The same with the variants that are chosen unasked, on
    as many problems in which they flip no ReLU: the worst logits, loss and gradients within 1e-4.

Distances are ||a - b|| / ||b||. Where a true gradient vanishes (a filter before a batch norm that
sees two or so values per channel: they become +1 and -1 whatever the filter is), b is the rest of a
cancellation and so is every computed a: a relative distance says nothing. For gradients, therefore,
||b|| counts as at least FLOOR times what a tensor of its size would have at the median gradient
magnitude of the network; such rows are marked with '*'. In (b) both sides are divided by the same.
"""

import argparse
import pathlib
import statistics
import tempfile

import numpy as np
import torch
import torchvision

from common import Verdict, distance, find_program, norm, read_h5, run_program, write_h5

FLOOR = 1e-6
HALF_ULP = 2.0**-24


TORCHVISION = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2",
               "wide_resnet101_2", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
CIFAR = {"resnet20": 3, "resnet32": 5, "resnet44": 7, "resnet56": 9, "resnet110": 18}


class OptionA(torch.nn.Module):
    """He et al. 2015, 3.3 (A): every second pixel, as many channels of zeros before and after."""

    def forward(self, x):
        more = x.shape[1] // 2
        return torch.nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))


class CifarResNet(torch.nn.Module):
    """He et al. 2015, 4.2: 3x3 stem, three stages of n basic blocks of 16, 32, 64 channels."""

    def __init__(self, n, classes):
        super().__init__()
        block, channels = torchvision.models.resnet.BasicBlock, 16
        self.conv1 = torch.nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(channels)
        self.relu = torch.nn.ReLU()
        for stage in (1, 2, 3):
            first = block(channels, 16 << (stage - 1), *((1, None) if stage == 1 else (2, OptionA())))
            channels = 16 << (stage - 1)
            rest = [block(channels, channels) for _ in range(n - 1)]
            setattr(self, f"layer{stage}", torch.nn.Sequential(first, *rest))
        self.fc = torch.nn.Linear(channels, classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def network(arch, args):
    if arch in CIFAR:
        return CifarResNet(CIFAR[arch], classes(arch, args))
    return getattr(torchvision.models, arch)(num_classes=classes(arch, args))


def size(arch, args):
    return args.size // 2 if arch in CIFAR else args.size


def classes(arch, args):
    return min(args.classes, 10) if arch in CIFAR else args.classes


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--program", help="peer_step (default: the newest build/*/**/peer_step)")
    p.add_argument("--arch", nargs="+", default=["resnet18", "resnet50"], metavar="NAME",
                   help=f"of {', '.join(TORCHVISION + list(CIFAR))}; 'every' is all of them")
    p.add_argument("--seeds", type=int, default=5, help="problems of check (b)")
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--size", type=int, default=64, help="height and width (CIFAR: half of it)")
    p.add_argument("--classes", type=int, default=1000, help="(CIFAR: 10)")
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--lr", type=float, default=0.01)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--only", choices=["a", "b", "c"], help="one of the three checks")
    p.add_argument("--all", action="store_true", help="print every tensor, not the worst five")
    args = p.parse_args()
    every = TORCHVISION + list(CIFAR)
    args.arch = every if args.arch == ["every"] else args.arch
    unknown = [arch for arch in args.arch if arch not in every]
    if unknown:
        p.error(f"--arch {unknown[0]}: known are {', '.join(every)}")
    return args


def random_weights(arch, args, seed):
    """torchvision's initial network in float32 with nothing in it 0 or 1.

    The last batch norm of a block scales by about 0.25, as in a trained network. With 1, ResNet-50 at
    a small batch is chaotic: ten steps carry float64's 1e-16 to 1e-7 and float32's 1e-7 to 0.3.
    """
    torch.manual_seed(seed)
    model = network(arch, args)
    weights = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    last = "bn3.weight" if "layer1.0.bn3.weight" in weights else "bn2.weight"
    for name, x in weights.items():
        if name.endswith(last):
            x.uniform_(0.1, 0.4)
        elif name.endswith("running_var") or (x.dim() == 1 and name.endswith("weight")):
            x.uniform_(0.5, 1.5)
        elif x.dim() == 1:
            x.normal_(0, 0.2)
    return weights


def torch_forward(model, images):
    with torch.no_grad():
        return {"logits": model.eval()(images).numpy()}


def torch_train(model, images, labels, args):
    """What peer_step writes in mode `train`, computed by PyTorch."""
    out, losses, relu = {}, [], []
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(lambda m, x, y: relu.append(int((y > 0).sum())))
    images = images.clone(memory_format=torch.preserve_format).requires_grad_()
    optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9)
    for step in range(args.steps + 1):
        if step == args.steps:  # measuring the last loss must not move the running statistics
            out |= {f"final/{k}": v.detach().clone().numpy() for k, v in model.state_dict().items()
                    if not k.endswith("num_batches_tracked")}
        optimizer.zero_grad()
        logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        losses.append(loss.item())
        if step == args.steps:
            break
        loss.backward()
        if step == 0:
            out["relu"] = np.array(relu)  # positive outputs, call by call
            out |= {"logits": logits.detach().numpy(), "loss": np.array([loss.item()])}
            out |= {f"grad/{k}": p.grad.numpy().copy() for k, p in model.named_parameters()}
            out["grad/input"] = images.grad.numpy().copy()
        optimizer.step()
    return out | {"losses": np.array(losses)}


def by_torch(arch, weights, images, labels, args, dtype, layout=torch.contiguous_format):
    def fresh():
        model = network(arch, args)
        model.load_state_dict(weights, strict=False)
        return model.to(dtype=dtype, memory_format=layout)

    x = images.to(dtype=dtype, memory_format=layout)
    forward = torch_forward(fresh(), x)
    return {"inference/logits": forward["logits"]} | torch_train(fresh(), x, labels, args)


def by_ours(program, arch, weights, images, labels, args, device, dtype, **options):
    with tempfile.TemporaryDirectory() as folder:
        w, i, o = (pathlib.Path(folder) / f"{name}.h5" for name in "wio")
        write_h5(w, weights)
        write_h5(i, {"images": images, "labels": labels.int()})
        common = dict(arch=arch, classes=classes(arch, args), weights=w, input=i, device=device,
                      dtype=dtype, threads=args.threads, out=o, **options)
        run_program(program, mode="forward", **common)
        forward = read_h5(o)
        run_program(program, mode="train", steps=args.steps, lr=args.lr, momentum=0.9, **common)
        return {"inference/logits": forward["logits"]} | read_h5(o)


def distances(computed, truth):
    """{name: (distance, vanishes)} for every tensor of the truth; a missing one is infinitely far."""
    gradients = [k for k in truth if k.startswith("grad/") and k != "grad/input"]
    typical = statistics.median(norm(truth[k]) / truth[k].size**0.5 for k in gradients)
    out = {}
    for name, b in truth.items():
        least = FLOOR * typical * b.size**0.5 if name in gradients else 0.0
        if name not in computed:
            out[name] = (np.inf, False)
        elif norm(b) < least:
            out[name] = (norm(np.asarray(computed[name], np.float64) - b) / least, True)
        else:
            out[name] = (distance(computed[name], b), False)
    return out


def kind(name):
    return name.split("/")[0] if "/" in name else name


def groups(names):
    """Names by kind, in order: inference, logits, loss, grad, losses, final."""
    out = {}
    for name in names:
        out.setdefault(kind(name), []).append(name)
    return out


def random_problem(arch, args, seed):
    weights = random_weights(arch, args, seed)
    images = torch.randn(args.batch, 3, size(arch, args), size(arch, args))
    return weights, images, torch.randint(classes(arch, args), (args.batch,))


def check_formulas(verdict, arch, args, program):
    problem = random_problem(arch, args, seed=0)
    truth = by_torch(arch, *problem, args, torch.float64)
    ours = distances(by_ours(program, arch, *problem, args, "ref", "f64"), truth)
    # PyTorch against itself in the other layout: what two correct orders of summation differ by.
    itself = distances(by_torch(arch, *problem, args, torch.float64, torch.channels_last), truth)
    for group, names in groups(truth).items():
        bound = 1e-7 if group in ("losses", "final") else 1e-9
        ranked = sorted(names, key=lambda n: ours[n][0], reverse=True)
        passed = all(ours[n][0] <= bound for n in names)
        verdict.check(passed, f"(a) {arch} ref f64 {group}: {len(names)} tensors, worst "
                      f"{ours[ranked[0]][0]:.1e} {ranked[0]}, at most {bound:.0e} (PyTorch's two "
                      f"layouts {max(itself[n][0] for n in names):.1e})")
        if len(names) > 1:
            for name in ranked if args.all else ranked[:5]:
                print(f"        {ours[name][0]:.1e}{'*' if ours[name][1] else ' '} {name}")


def unflipped_problems(arch, args, by_us):
    """Problems in which no side flips a ReLU: [(truth, sides)], ours by_us(problem) first; and in
    how many others ours and PyTorch's two layouts did."""
    problems, blame = [], [0, 0, 0]
    for seed in range(12 * args.seeds):
        if len(problems) == args.seeds:
            break
        problem = random_problem(arch, args, seed)
        truth = by_torch(arch, *problem, args, torch.float64)
        sides = (by_us(problem), by_torch(arch, *problem, args, torch.float32),
                 by_torch(arch, *problem, args, torch.float32, torch.channels_last))
        relu = truth.pop("relu")
        flipped = [not np.array_equal(side.pop("relu"), relu) for side in sides]
        blame = [b + f for b, f in zip(blame, flipped)]
        if not any(flipped):
            problems.append((truth, sides))
    return problems, blame


def check_enough(verdict, what, arch, args, problems, blame):
    verdict.check(len(problems) == args.seeds, f"({what}) {arch}: {len(problems)} problems without a "
                  f"flipped ReLU (flips: ours {blame[0]}, PyTorch {blame[1]}, channels last "
                  f"{blame[2]})")


def check_chosen(verdict, arch, args, program):
    problems, blame = unflipped_problems(
        arch, args, lambda problem: by_ours(program, arch, *problem, args, "cpu", "f32"))
    check_enough(verdict, "c", arch, args, problems, blame)
    worst = {}
    for truth, sides in problems:
        for name, (off, _) in distances(sides[0], truth).items():
            worst[name] = max(worst.get(name, 0), off if off == off else np.inf)
    for group, names in groups(worst).items():
        if group in ("final", "losses"):
            continue
        name = max(names, key=lambda n: worst[n])
        verdict.check(worst[name] <= 1e-4, f"(c) {arch} cpu f32 {group}: {len(names)} tensors, worst "
                      f"{worst[name]:.1e} {name}, at most 1e-04")


def check_kernels(verdict, arch, args, program):
    rows = {}  # name -> one (ours, contiguous, channels last, vanishes) per problem
    problems, blame = unflipped_problems(
        arch, args, lambda problem: by_ours(program, arch, *problem, args, "cpu", "f32",
                                            variant="conv2d=implicit_gemm"))
    for truth, sides in problems:
        sides = [distances(x, truth) for x in sides]
        for name in truth:
            row = [side[name][0] for side in sides] + [sides[0][name][1]]
            rows.setdefault(name, []).append(row)
    check_enough(verdict, "b", arch, args, problems, blame)
    if not rows:
        return

    median = {n: [float(np.median(column)) for column in zip(*r)] for n, r in rows.items()}
    yard = {n: max(m[1], m[2], HALF_ULP / 2) for n, m in median.items()}
    yard["loss"] = max(yard["loss"], yard["logits"])
    ratio = {n: m[0] / yard[n] for n, m in median.items()}
    for group, names in groups(rows).items():
        ranked = sorted(names, key=lambda n: ratio[n] if ratio[n] == ratio[n] else np.inf,
                        reverse=True)
        # Every seed has to be finite: a median would hide one that is not.
        ok = [all(np.isfinite(r[0]) for r in rows[n]) and ratio[n] <= 2 for n in names]
        text = (f"{arch} cpu f32 {group}: {len(names)} tensors, median ratio "
                f"{np.median([ratio[n] for n in names]):.2f}, worst {ratio[ranked[0]]:.2f} "
                f"{ranked[0]}")
        if group == "final":
            print(f"      (b) {text} (not judged)")
        else:
            verdict.check(all(ok), f"(b) {text}, at most 2")
        print("        ours     PyTorch  channels last   ratio")
        for name in ranked if args.all else ranked[:5]:
            m = median[name]
            print(f"        {m[0]:.1e}  {m[1]:.1e}  {m[2]:.1e}        {ratio[name]:5.2f}"
                  f"{'*' if m[3] else ' '} {name}")


def main():
    args = arguments()
    program = find_program("peer_step", args.program)
    torch.set_num_threads(args.threads)
    verdict = Verdict()
    for arch in args.arch:
        print(f"{arch}, batch {args.batch}, {size(arch, args)} x {size(arch, args)}, "
              f"{classes(arch, args)} classes, {args.steps} steps; PyTorch {torch.__version__}")
        for what, check in (("a", check_formulas), ("b", check_kernels), ("c", check_chosen)):
            if args.only in (None, what):
                check(verdict, arch, args, program)
    verdict.exit()


if __name__ == "__main__":
    main()
