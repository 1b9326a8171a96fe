"""Transfer learning on a real data set, stage by stage against PyTorch.

    $(tests/peers/venv.sh) tests/peers/hymenoptera.py --data DIR --weights resnet50_imgsim.h5

DIR holds train/<class>/ and val/<class>/ (ants and bees of PyTorch's transfer-learning tutorial);
the weights come from convert_imgsim.py. Both stages run on equal inputs, so that a difference has
one possible place:

(a) Features: torchvision's frozen ResNet-50 (Resize 256, CenterCrop 224, ImageNet's mean and
    deviation, pictures with our endings, classes and files sorted) against `peer_features`
    on the same files: same pictures in the same order, same labels, and the [N, 2048] features of
    each split within 1e-3 (they differ by JPEG decoding and resampling, then by float32).
(b) Head: `peer_head` trains a linear layer on our features (Adam 1e-3, batch 32, the last batch of
    an epoch short) and writes its initial weights, the order of pictures per epoch, and what came
    out. PyTorch repeats that from the same start in the same order, for 10 and for 50 epochs:
    loss of every epoch within 1e-4 relative, and the same number of right answers after every epoch
    in both splits. Loss (of the training split) and accuracies are measured after the epoch. The one
    excuse: a picture whose two best logits are closer than 1e-4 of the largest logit is undecided in
    float32; counts may differ by the number of such pictures and the line says how many there were.
    Final weights within 1e-3.
"""

import argparse
import pathlib
import tempfile

import numpy as np
import torch
import torchvision
from torchvision import transforms

from common import Verdict, distance, find_program, read_h5, run_program

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
BATCH, LEARNING_RATE = 32, 1e-3


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True)
    p.add_argument("--weights", required=True)
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--epochs", type=int, nargs="+", default=[10, 50])
    p.add_argument("--peer-features", help="program (default: the newest build/*/**/peer_features)")
    p.add_argument("--peer-head", help="program (default: the newest build/*/**/peer_head)")
    p.add_argument("--features", help="a file of peer_features, in place of running it")
    return p.parse_args()


@torch.inference_mode()
def torch_features(data, weights):
    """{split/features, split/labels, split/paths} by torchvision, as peer_features writes them."""
    model = torchvision.models.resnet50()
    model.fc = torch.nn.Identity()
    state = {k: torch.from_numpy(v) for k, v in read_h5(weights).items() if not k.startswith("fc.")}
    expected = {k for k in model.state_dict() if not k.endswith("num_batches_tracked")}
    if set(state) != expected:
        raise SystemExit(f"{weights}: names differ: {sorted(set(state) ^ expected)[:5]}")
    model.load_state_dict(state, strict=False)
    model.eval().to(memory_format=torch.channels_last)
    transform = transforms.Compose([
        transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    out = {}
    for split in ("train", "val"):
        folder = torchvision.datasets.ImageFolder(
            pathlib.Path(data) / split, transform,
            is_valid_file=lambda path: path.lower().endswith(ENDINGS))
        batches = torch.utils.data.DataLoader(folder, BATCH)
        features = [model(x.to(memory_format=torch.channels_last)) for x, _ in batches]
        out[f"{split}/features"] = torch.cat(features).numpy()
        out[f"{split}/labels"] = np.array(folder.targets, np.int32)
        out[f"{split}/paths"] = [class_and_file(path) for path, _ in folder.samples]
    return out


def class_and_file(path):
    return "/".join(pathlib.PurePath(path).parts[-2:])


def lines(characters):
    """The lines of a text that is stored as an array of bytes."""
    return bytes(characters).decode().splitlines()


def check_features(verdict, ours, theirs):
    for split in ("train", "val"):
        paths = [class_and_file(path) for path in lines(ours[f"{split}/paths"])]
        expected = theirs[f"{split}/paths"]
        same = paths == expected
        verdict.check(same, f"(a) {split}: {len(paths)} pictures in the order of torchvision's "
                      f"{len(expected)}")
        if not same:
            print(f"        only ours: {sorted(set(paths) - set(expected))[:5]}, only torchvision's: "
                  f"{sorted(set(expected) - set(paths))[:5]}")
            continue
        verdict.check(np.array_equal(ours[f"{split}/labels"], theirs[f"{split}/labels"]),
                      f"(a) {split}: labels equal")
        a, b = ours[f"{split}/features"], theirs[f"{split}/features"]
        each = [distance(x, y) for x, y in zip(a, b)]
        worst = int(np.argmax(each))
        total = distance(a, b)
        verdict.check(total <= 1e-3, f"(a) {split}: features {a.shape} differ by {total:.1e}, at most "
                      f"1e-3; median picture {np.median(each):.1e}, worst {each[worst]:.1e} "
                      f"({paths[worst]})")


def right_answers(head, features, labels):
    """(right, undecided) with the definition of undecided at the top."""
    with torch.no_grad():
        logits = head(features)
    best = logits.topk(2).values
    undecided = (best[:, 0] - best[:, 1]) <= 1e-4 * logits.abs().max()
    return int((logits.argmax(1) == labels).sum()), int(undecided.sum())


def check_head(verdict, features, ours, epochs):
    x, y = (torch.from_numpy(features[f"train/{k}"]) for k in ("features", "labels"))
    split = {"train": (x, y.long()), "val": (torch.from_numpy(features["val/features"]),
                                             torch.from_numpy(features["val/labels"]).long())}
    y = y.long()
    head = torch.nn.Linear(*reversed(ours["init/weight"].shape))
    head.load_state_dict({k: torch.from_numpy(ours[f"init/{k}"]) for k in ("weight", "bias")})
    adam = torch.optim.Adam(head.parameters(), LEARNING_RATE)
    order = torch.from_numpy(ours["order"].astype(np.int64))
    permutation = torch.arange(len(y)).expand(epochs, -1)
    if not torch.equal(order.sort(1).values, permutation):
        verdict.check(False, f"(b) {epochs} epochs: order is not {epochs} permutations of {len(y)}")
        return

    losses, wrong, undecided_seen = [], [], 0
    for epoch in range(epochs):
        for batch in order[epoch].split(BATCH):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(head(x[batch]), y[batch]).backward()
            adam.step()
        with torch.no_grad():
            losses.append(torch.nn.functional.cross_entropy(head(x), y).item())
        for name, (inputs, labels) in split.items():
            right, undecided = right_answers(head, inputs, labels)
            found = round(float(ours[f"{name}_accuracy"][epoch]) * len(labels))
            undecided_seen += undecided if found != right else 0
            if abs(found - right) > undecided:
                wrong.append(f"epoch {epoch + 1} {name}: {found}, PyTorch {right} of {len(labels)}")

    accuracy = ", ".join(f"{k} {ours[f'{k}_accuracy'][-1]:.4f}" for k in split)
    verdict.check(not wrong, f"(b) {epochs} epochs: right answers equal after every epoch, at the end "
                  f"{accuracy}; {undecided_seen} undecided pictures where counts differ"
                  + "".join(f"\n        {w}" for w in wrong[:5]))
    worst = max(abs(a - b) / b for a, b in zip(ours["loss"], losses, strict=True))
    verdict.check(worst <= 1e-4, f"(b) {epochs} epochs: losses differ by {worst:.1e}, at most 1e-4")
    for name in ("weight", "bias"):
        d = distance(ours[f"final/{name}"], getattr(head, name).detach().numpy())
        verdict.check(d <= 1e-3, f"(b) {epochs} epochs: final {name} differs by {d:.1e}, at most 1e-3")


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    peer_features = args.features or find_program("peer_features", args.peer_features)
    peer_head = find_program("peer_head", args.peer_head)
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(args.features or pathlib.Path(folder) / "features.h5")
        if not args.features:
            run_program(peer_features, weights=args.weights, data=args.data, device=args.device,
                        threads=args.threads, out=file)
        features = read_h5(file)
        check_features(verdict, features, torch_features(args.data, args.weights))
        for epochs in args.epochs:
            head = pathlib.Path(folder) / f"head{epochs}.h5"
            run_program(peer_head, features=file, epochs=epochs, seed=0, out=head)
            check_head(verdict, features, read_h5(head), epochs)
    verdict.exit()


if __name__ == "__main__":
    main()
