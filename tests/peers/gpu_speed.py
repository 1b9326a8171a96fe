"""Times ResNet-18 and ResNet-50 in PyTorch on a GPU: features and training steps.

    python3 tests/peers/gpu_speed.py --out pytorch.jsonl [--batch 256] [--seconds 1.0]

Channels last; f32, TF32 and bf16 (autocast); eager and torch.compile; batch 256 of 224 x 224 that
are on the device already. A training step is forward, cross entropy, backward, SGD with momentum.
One line of JSON per setting, as soon as it is measured: {arch, mode, precision, how,
images_per_second}. Needs PyTorch and torchvision with CUDA.
"""

import argparse
import contextlib
import json
import time

import torch
import torchvision


def timed(step, batch, seconds):
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    done, start = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - start < seconds:
        step()
        torch.cuda.synchronize()
        done += 1
    return done * batch / (time.perf_counter() - start)


def make_step(arch, mode, precision, how, batch):
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "TF32"
    torch.backends.cudnn.benchmark = True
    model = getattr(torchvision.models, arch)().cuda().to(memory_format=torch.channels_last)
    images = torch.randn(batch, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.long, device="cuda")
    if mode == "infer":
        model.fc = torch.nn.Identity()
        model.eval()
    run = torch.compile(model) if how == "compile" else model

    def cast():
        return torch.autocast("cuda", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

    if mode == "infer":
        def step():
            with torch.inference_mode(), cast():
                run(images)
        return step
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with cast():
            loss = torch.nn.functional.cross_entropy(run(images), labels)
        loss.backward()
        optimizer.step()
    return step


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--seconds", type=float, default=1.0)
    args = p.parse_args()
    # What compiles costs a minute and comes last.
    settings = [(arch, mode, precision, how) for how in ["eager", "compile"]
                for mode, arch in [("train", "resnet50"), ("infer", "resnet18"), ("infer", "resnet50"),
                                   ("train", "resnet18")]
                for precision in ["bf16", "TF32", "f32"]]
    with open(args.out, "w") as file:
        for arch, mode, precision, how in settings:
            torch._dynamo.reset()
            speed = timed(make_step(arch, mode, precision, how, args.batch), args.batch, args.seconds)
            print(json.dumps({"arch": arch, "mode": mode, "precision": precision, "how": how,
                              "images_per_second": speed}), file=file, flush=True)
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
