"""Fits a head to a folder of pictures with PyTorch, as one would without tlrun; bench.py times it.

    bench_finetune.py --data DIR --weights resnet18.pth --out model.pth [--every-epoch] [--workers N]

The network is frozen: its features are computed once and kept, or with --every-epoch again in every
epoch, as most scripts do. Either way the head sees the same numbers in the same order, so both save
the same model. The recipe is tlrun's: Resize 256, CenterCrop 224, Adam 1e-3, batch 32, ten epochs,
validation after each, the best one saved. Prints a JSON object with counts and accuracies.
"""

import argparse
import copy
import json
import pathlib

import torch
import torchvision
from torchvision import transforms

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
BATCH, LEARNING_RATE = 32, 1e-3


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--weights", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--arch", default="resnet18")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--every-epoch", action="store_true")
    p.add_argument("--workers", type=int, default=0, help="processes that decode")
    p.add_argument("--threads", type=int, default=2)
    return p.parse_args()


class Pictures:
    """A split of the folder, and its features by the frozen network."""

    def __init__(self, args, split, network):
        transform = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
        self.folder = torchvision.datasets.ImageFolder(
            args.data / split, transform, is_valid_file=lambda p: p.lower().endswith(ENDINGS))
        self.labels = torch.tensor(self.folder.targets)
        self.network, self.workers = network, args.workers
        self.kept = None if args.every_epoch else torch.cat(list(self.compute(range(len(self)))))

    def __len__(self):
        return len(self.folder)

    @torch.no_grad()
    def compute(self, order):
        chosen = torch.utils.data.Subset(self.folder, order)
        for x, _ in torch.utils.data.DataLoader(chosen, BATCH, num_workers=self.workers):
            yield self.network(x.to(memory_format=torch.channels_last))

    def batches(self, order):
        """(features, labels), batch by batch."""
        labels = self.labels[order].split(BATCH)
        if self.kept is None:
            return zip(self.compute(order.tolist()), labels)
        return zip(self.kept[order].split(BATCH), labels)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    network = getattr(torchvision.models, args.arch)()
    network.load_state_dict(torch.load(args.weights))
    network.eval().to(memory_format=torch.channels_last)
    columns, network.fc = network.fc.in_features, torch.nn.Identity()
    train, val = (Pictures(args, split, network) for split in ("train", "val"))

    torch.manual_seed(0)
    order = torch.Generator().manual_seed(0)  # its own: a DataLoader draws from the global one
    head = torch.nn.Linear(columns, len(train.folder.classes))
    optimizer = torch.optim.Adam(head.parameters(), LEARNING_RATE)
    best, accuracies = None, []
    for _ in range(args.epochs):
        for x, labels in train.batches(torch.randperm(len(train), generator=order)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(head(x), labels).backward()
            optimizer.step()
        with torch.no_grad():
            right = sum(int((head(x).argmax(1) == labels).sum())
                        for x, labels in val.batches(torch.arange(len(val))))
        accuracies.append(right / len(val))
        if accuracies[-1] >= max(accuracies):
            best = copy.deepcopy(head)
    network.fc = best
    torch.save({"network": network.state_dict(), "classes": train.folder.classes}, args.out)
    print(json.dumps({"pictures": [len(train), len(val)], "val_accuracy": accuracies,
                      "head": best.weight.ravel().tolist()}))


if __name__ == "__main__":
    main()
