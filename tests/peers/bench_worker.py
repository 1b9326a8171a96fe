"""One setting of one peer, in a process of its own; bench.py starts it and asks it for times.

    bench_worker.py JOB     a JSON object {library, setting, mode, arch, batch, threads, folder}

The library "reference" fills the folder for the others: pictures, what PyTorch computes in its plain
form, and the network as ONNX files; "weights" only writes weights.pth. Any other worker loads from there, computes the same once and
leaves it in the folder for bench.py to compare. Then, for each line N of standard input, it runs once
to warm up, N times for real, and prints the seconds of each as a JSON list.

What is computed: mode "infer", features [batch, c], or mode "train", loss and all gradients of the
first step of SGD with momentum, as one vector; mode "memory" prints the bytes that steps add to the
process once network, optimizer state and batch are there. All in float32: no setting may use bf16.

Each library is imported where it is used, so that no process has the threads of two.
"""

import json
import pathlib
import sys
import time

import numpy as np

SIZE = 224


def main():
    job = json.loads(sys.argv[1])
    folder = pathlib.Path(job["folder"])
    alone = {"reference": write_reference, "weights": write_weights, "memory": print_memory}
    for kind in (job["library"], job["mode"]):
        if kind in alone:
            return alone[kind](job, folder)
    makers = {"PyTorch": pytorch, "ONNX Runtime": onnxruntime, "OpenVINO": openvino}
    run = makers[job["library"]](job, np.load(folder / "pictures.npy"), folder)
    np.save(folder / f"{job['library']}, {job['setting']}.npy", run())
    print("ready", flush=True)
    for line in sys.stdin:
        run()
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


def write_reference(job, folder):
    import torch

    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    pictures = torch.randn(job["batch"], 3, SIZE, SIZE)
    np.save(folder / "pictures.npy", pictures.numpy())
    plain = job | {"setting": "contiguous"}
    np.save(folder / "expected.npy", pytorch(plain, pictures.numpy(), folder)())
    if job["mode"] == "infer":
        network = pytorch_network(job)
        for batch in {job["batch"], job["batch"] // job["threads"]} - {0}:
            torch.onnx.export(network, (pictures[:batch],), onnx_file(folder, batch), dynamo=True,
                              external_data=False, verbose=False)


def write_weights(job, folder):
    import torch

    torch.save(pytorch_network(job).state_dict(), folder / "weights.pth")


def onnx_file(folder, batch):
    return str(folder / f"batch{batch}.onnx")


# ---- PyTorch ----


def pytorch_network(job):
    import torch
    import torchvision

    torch.manual_seed(0)
    network = getattr(torchvision.models, job["arch"])(weights=None)
    if job["mode"] != "infer":
        for module in network.modules():  # as in a trained network; with 1, gradients are chaotic
            last = getattr(module, "bn3", getattr(module, "bn2", None))
            if last is not None:
                torch.nn.init.constant_(last.weight, 0.25)
        return network.train()
    network.fc = torch.nn.Identity()
    return network.eval()


def pytorch(job, pictures, folder):
    """A setting is "contiguous" (NCHW), "channels last", or that with one of _compile's names."""
    import torch

    del folder
    torch.set_num_threads(job["threads"])
    network, x = pytorch_network(job), torch.from_numpy(pictures)
    layout, _, how = job["setting"].partition(", ")
    if layout == "channels last":
        network = network.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    if job["mode"] == "train":
        return pytorch_step(torch.compile(network) if how == "compiled" else network, x)
    with torch.no_grad():
        network = pytorch_frozen(network, how, x)

    @torch.no_grad()
    def run():
        return network(x).numpy()

    run(), run()  # a traced network still compiles in its second run
    return run


def pytorch_frozen(network, how, x):
    import torch

    if how == "folded":  # batch norm into the convolutions
        from torch.fx.experimental.optimization import fuse
        return fuse(network).to(memory_format=torch.channels_last)
    if how == "traced":  # oneDNN's own layouts
        return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, x)))
    if how == "compiled":
        import torch._inductor.config
        torch._inductor.config.freezing = True  # constants folded, weights packed
        return torch.compile(network)
    return network


def pytorch_step(network, x):
    import torch

    labels = torch.arange(len(x))
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)
    first = []

    def run():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        if not first:
            gradients = [p.grad.contiguous().ravel() for p in network.parameters()]
            first.append(torch.cat([loss.detach().ravel(), *gradients]).numpy().copy())
        return first[0]

    return run


def print_memory(job, folder):
    """A first step on two pictures makes the optimizer's state before the measure begins."""
    import torch

    del folder
    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    network, x = pytorch_network(job), torch.randn(job["batch"], 3, SIZE, SIZE)
    if job["setting"] == "channels last":
        network = network.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    labels = torch.zeros(job["batch"], dtype=torch.long)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)

    def step(n):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x[:n]), labels[:n]).backward()
        optimizer.step()

    def status(name):
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

    step(2)
    optimizer.zero_grad()
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # VmHWM starts anew
    for _ in range(3):
        step(job["batch"])
    print(status("VmHWM") - before)


# ---- ONNX Runtime ----


def onnxruntime(job, pictures, folder):
    """By itself it takes its blocked layout, NCHWc; it has no NHWC convolution in float32 on x86."""
    import onnxruntime as ort

    def session(batch, threads):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        spinning = "0" if job["setting"] == "no spinning" else "1"
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        made = ort.InferenceSession(onnx_file(folder, batch), options,
                                    providers=["CPUExecutionProvider"])
        name = made.get_inputs()[0].name
        return lambda x: made.run(None, {name: x})[0]

    if job["setting"] != "split batch":
        whole = session(len(pictures), job["threads"])
        return lambda: whole(pictures)

    from concurrent.futures import ThreadPoolExecutor
    parts = np.split(pictures, job["threads"])
    sessions = [session(len(part), 1) for part in parts]
    pool = ThreadPoolExecutor(job["threads"])
    return lambda: np.concatenate(list(pool.map(lambda s, x: s(x), sessions, parts)))


# ---- OpenVINO ----


def openvino(job, pictures, folder):
    """"throughput" splits the batch among as many requests at once as there are threads."""
    import openvino as ov

    parts = np.split(pictures, job["threads"] if job["setting"] == "throughput" else 1)
    compiled = ov.Core().compile_model(onnx_file(folder, len(parts[0])), "CPU", {
        "PERFORMANCE_HINT": job["setting"].upper(),
        "INFERENCE_NUM_THREADS": job["threads"],
        "INFERENCE_PRECISION_HINT": "f32",  # else bf16 where the processor has it
    })
    requests = [compiled.create_infer_request() for _ in parts]

    def run():
        for request, part in zip(requests, parts):
            request.start_async([part], share_inputs=True)
        for request in requests:
            request.wait()
        return np.concatenate([request.get_output_tensor(0).data for request in requests])

    return run


if __name__ == "__main__":
    main()
