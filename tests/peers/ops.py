"""Every op of the engine against PyTorch, on random cases.

    $(tests/peers/venv.sh) tests/peers/ops.py [--cases 60] [--seed 0] [--only NAME]

For each op, shapes, axes, strides, dilations, groups and options are drawn at random; values and
the cotangent dy too, kept away from kinks and ties. Result and all gradients (of sum(y * dy)):

  ref, f64   against PyTorch in float64: within 1e-12 (relative L2 distance per tensor);
  cpu, f32   against PyTorch in float64 on the same float32 inputs: at most 4 times the distance of
             PyTorch in float32, or 4 times what changes when every input is moved by half a unit in
             its last place at random, the worst of 8 times (a sum that cancels has no digits to
             lose), or 1e-6.

Images are NHWC and filters [c_out, kh, kw, c_in] on our side; the PyTorch functions below permute.
The program peer_ops computes our side: a JSON array of cases in, one of results out.
"""

import argparse
import json
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

from common import Verdict, distance, find_program

REF_BOUND = 1e-12
CPU_FACTOR, CPU_FLOOR = 4, 1e-6


class Draw:
    """Random numbers of one case."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def integer(self, low, high):
        return int(self.random.integers(low, high + 1))

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]

    def flag(self):
        return bool(self.integer(0, 1))

    def real(self, low, high):
        return float(self.random.uniform(low, high))

    def shape(self, rank_low=1, rank_high=4, most=7):
        return [self.integer(1, most) for _ in range(self.integer(rank_low, rank_high))]

    def values(self, shape, low=-2.0, high=2.0):
        """Float32 numbers held as float64, so that every side starts from the same ones."""
        return self.random.uniform(low, high, shape).astype(np.float32).astype(np.float64)

    def apart(self, shape, step=0.05):
        """All different, none within half a step of 0: no ties, no kinks."""
        size = int(np.prod(shape))
        order = self.random.permutation(size) - size // 2 + 0.5
        return (order * step).reshape(shape).astype(np.float32).astype(np.float64)

    def integers(self, shape, below):
        return self.random.integers(0, below, shape).astype(np.int32)


# A case: inputs that get gradients, fixed tensors that get none, attributes, and the same in PyTorch:
# torch_op(inputs, fixed) -> y.


def case(inputs, torch_op, fixed=(), **attributes):
    return {"inputs": list(inputs), "fixed": list(fixed), "attributes": attributes, "torch": torch_op}


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def broadcast_pair(d):
    shape = d.shape(1, 4)
    a = [1 if d.integer(0, 3) == 0 else n for n in shape]
    b = [1 if d.integer(0, 3) == 0 else n for n in shape]
    if d.flag():
        b = b[d.integer(0, len(b) - 1):]
    return (a, b) if d.flag() else (b, a)


def binary(torch_op, away_from_zero=False):
    def make(d):
        a, b = broadcast_pair(d)
        divisor = d.values(b, 0.5, 2.0) * d.random.choice([-1.0, 1.0], b) if away_from_zero else d.values(b)
        return case([d.values(a), divisor], lambda x, _: torch_op(x[0], x[1]))

    return make


def unary(torch_op, low=-2.0, high=2.0, kinked=False):
    def make(d):
        shape = d.shape()
        x = d.apart(shape) if kinked else d.values(shape, low, high)
        return case([x], lambda x, _: torch_op(x[0]))

    return make


def leaky_relu(d):
    slope = d.real(0.01, 0.5)
    return case([d.apart(d.shape())], lambda x, _: F.leaky_relu(x[0], slope), slope=slope)


def clamp(d):
    low, high = sorted([d.real(-1, 1) // 0.05 * 0.05, d.real(-1, 1) // 0.05 * 0.05])
    return case([d.apart(d.shape())], lambda x, _: x[0].clamp(low, high), low=low, high=high)


def power(d):
    exponent = d.choice([2.0, 3.0, 0.5, -1.0, 1.7, d.real(-2, 3)])
    return case([d.values(d.shape(), 0.3, 2)], lambda x, _: x[0] ** exponent, exponent=exponent)


def scale(d):
    a, b = d.real(-3, 3), d.real(-3, 3)
    return case([d.values(d.shape())], lambda x, _: a * x[0] + b, a=a, b=b)


def draw_axes(d, rank):
    count = d.integer(1, rank)
    axes = [int(a) for a in d.random.permutation(rank)[:count]]
    return [a - rank if d.flag() else a for a in axes]


def reduction(torch_op, extreme=False):
    def make(d):
        shape = d.shape(1, 4)
        axes, keep = draw_axes(d, len(shape)), d.flag()
        x = d.apart(shape) if extreme else d.values(shape)
        return case([x], lambda x, _: torch_op(x[0], axes, keep), axes=axes, keepdim=keep)

    return make


def torch_extreme(name):
    """amax / amin share a gradient among ties; there are none here."""
    return lambda x, axes, keep: getattr(torch, name)(x, dim=tuple(axes), keepdim=keep)


def argmax(d):
    shape = d.shape(1, 4)
    axis, keep = d.integer(0, len(shape) - 1), d.flag()
    return case([], lambda _, f: f[0].argmax(axis, keep), [d.apart(shape)], axis=axis, keepdim=keep)


def reshape(d):
    shape = d.shape(1, 4)
    target = [int(np.prod(shape[:2]))] + shape[2:] if d.flag() else [int(np.prod(shape))]
    return case([d.values(shape)], lambda x, _: x[0].reshape(target), shape=target)


def transpose(d):
    shape = d.shape(1, 5, 6)
    order = [int(i) for i in d.random.permutation(len(shape))]
    return case([d.values(shape)], lambda x, _: x[0].permute(order), order=order)


def slicing(d):
    shape = d.shape(1, 4, 9)
    axis = d.integer(0, len(shape) - 1)
    begin = d.integer(0, shape[axis] - 1)
    end, step = d.integer(begin + 1, shape[axis]), d.integer(1, 3)

    def torch_op(x, _):
        index = [slice(None)] * len(shape)
        index[axis] = slice(begin, end, step)
        return x[0][tuple(index)]

    return case([d.values(shape)], torch_op, axis=axis, begin=begin, end=end, step=step)


def concat(d):
    shape = d.shape(1, 4)
    axis = d.integer(0, len(shape) - 1)
    parts = [shape[:axis] + [d.integer(1, 5)] + shape[axis + 1:] for _ in range(d.integer(1, 4))]
    return case([d.values(p) for p in parts], lambda x, _: torch.cat(x, axis), axis=axis)


def padding(d):
    shape = d.shape(1, 4)
    before, after = [d.integer(0, 3) for _ in shape], [d.integer(0, 3) for _ in shape]
    value = d.real(-1, 1)
    pairs = [n for b, a in reversed(list(zip(before, after))) for n in (b, a)]
    return case([d.values(shape)], lambda x, _: F.pad(x[0], pairs, value=value), before=before, after=after, value=value)


def gather_rows(d):
    shape = d.shape(1, 3)
    index = d.integers([d.integer(1, 12)], shape[0])
    return case([d.values(shape)], lambda x, f: x[0][f[0].long()], [index])


def matmul(d):
    m, k, n = (d.integer(1, 40) for _ in range(3))
    lead = d.shape(0, 2, 4)
    b = ([] if d.flag() else lead) + [k, n]
    return case([d.values(lead + [m, k]), d.values(b)], lambda x, _: x[0] @ x[1])


def linear(d):
    rows, columns, out = (d.integer(1, 70) for _ in range(3))
    inputs = [d.values([rows, columns]), d.values([out, columns])]
    if d.flag():
        inputs.append(d.values([out]))
    return case(inputs, lambda x, _: F.linear(*x))


def conv2d(d):
    groups = d.choice([1, 1, 1, 2, 3])
    c_in, c_out = groups * d.integer(1, 20), groups * d.integer(1, 20)
    if d.integer(0, 4) == 0:  # depthwise
        groups = c_in
        c_out = c_in * d.integer(1, 2)
    kernel = [d.choice([1, 2, 3, 3, 3, 5, 7]) for _ in range(2)]
    stride = [d.integer(1, 3) for _ in range(2)] if d.flag() else [1, 1]
    dilation = [d.integer(1, 3) for _ in range(2)] if d.integer(0, 2) == 0 else [1, 1]
    pad = [d.integer(0, 3) for _ in range(2)]
    size = [max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * pad[i]) + d.integer(0, 12) for i in range(2)]
    inputs = [d.values([d.integer(1, 3)] + size + [c_in]), d.values([c_out] + kernel + [c_in // groups])]
    if d.flag():
        inputs.append(d.values([c_out]))

    def torch_op(x, _):
        bias = x[2] if len(x) > 2 else None
        return nhwc(F.conv2d(nchw(x[0]), nchw(x[1]), bias, stride, pad, dilation, groups))

    return case(inputs, torch_op, stride=stride, pad=pad, dilation=dilation, groups=groups)


def draw_windows(d):
    """Kernel, stride, pad, dilation and a picture that they fit into."""
    kernel = [d.integer(1, 4) for _ in range(2)]
    stride = [d.integer(1, 4) for _ in range(2)]
    pad = [d.integer(0, k // 2) for k in kernel]
    dilation = [d.integer(1, 2) if d.integer(0, 2) == 0 else 1 for _ in range(2)]
    size = [dilation[i] * (kernel[i] - 1) + 1 + d.integer(0, 8) for i in range(2)]
    return kernel, stride, pad, dilation, size


def max_pool2d(d):
    kernel, stride, pad, dilation, size = draw_windows(d)
    ceil = d.flag()
    x = d.apart([d.integer(1, 3)] + size + [d.integer(1, 20)])
    return case(
        [x],
        lambda x, _: nhwc(F.max_pool2d(nchw(x[0]), kernel, stride, pad, dilation, ceil)),
        kernel=kernel, stride=stride, pad=pad, dilation=dilation, ceil_mode=ceil,
    )


def average_pool2d(d):
    kernel, stride, pad, _, size = draw_windows(d)
    ceil, include = d.flag(), d.flag()
    x = d.values([d.integer(1, 3)] + size + [d.integer(1, 20)])
    return case(
        [x],
        lambda x, _: nhwc(F.avg_pool2d(nchw(x[0]), kernel, stride, pad, ceil, include)),
        kernel=kernel, stride=stride, pad=pad, ceil_mode=ceil, count_include_pad=include,
    )


def adaptive_average_pool2d(d):
    size = [d.integer(1, 12) for _ in range(2)]
    out = [d.integer(1, 9) for _ in range(2)]
    x = d.values([d.integer(1, 3)] + size + [d.integer(1, 20)])
    return case([x], lambda x, _: nhwc(F.adaptive_avg_pool2d(nchw(x[0]), out)), out=out)


def global_average_pool(d):
    x = d.values([d.integer(1, 3), d.integer(1, 12), d.integer(1, 12), d.integer(1, 20)])
    return case([x], lambda x, _: x[0].mean((1, 2)))


def batch_norm(training):
    def make(d):
        shape = d.shape(1, 3) + [d.integer(1, 20)]
        shape[0] += 3
        c, epsilon, momentum = shape[-1], d.choice([1e-5, 1e-3]), d.real(0.01, 0.9)
        fixed = [d.values([c]), d.values([c], 0.5, 2)]

        def torch_op(x, f):
            rows = x[0].reshape(-1, c)
            y = F.batch_norm(rows, f[0], f[1], x[1], x[2], training, momentum, epsilon)
            return y.reshape(shape)

        inputs = [d.values(shape), d.values([c], 0.5, 2), d.values([c])]
        made = case(inputs, torch_op, fixed, epsilon=epsilon, momentum=momentum)
        made["compare_fixed"] = training  # running statistics are updated in place
        return made

    return make


def softmax(torch_op):
    def make(d):
        shape = d.shape(1, 4, 9)
        axis = d.integer(-len(shape), len(shape) - 1)
        return case([d.values(shape, -5, 5)], lambda x, _: torch_op(x[0], axis), axis=axis)

    return make


def cross_entropy(soft):
    def make(d):
        rows, classes = d.integer(1, 20), d.integer(2, 12)
        smoothing, weighted = d.choice([0.0, 0.1, 0.5]), d.flag()
        fixed = [d.random.dirichlet(np.ones(classes), rows) if soft else d.integers([rows], classes)]
        fixed[0] = fixed[0].astype(np.float32).astype(np.float64) if soft else fixed[0]
        ignored = -100
        if not soft and d.flag():
            ignored = d.integer(0, classes - 1)
            fixed[0][0] = (ignored + 1) % classes  # not all rows are ignored
        if weighted:
            fixed.append(d.values([classes], 0.2, 2))

        def torch_op(x, f):
            target = f[0] if soft else f[0].long()
            return F.cross_entropy(
                x[0], target, f[1] if weighted else None, ignore_index=ignored, label_smoothing=smoothing
            ).reshape(1)

        return case(
            [d.values([rows, classes], -4, 4)], torch_op, fixed,
            label_smoothing=smoothing, ignore_index=ignored, weighted=weighted, soft=soft,
        )

    return make


def optimizer(kind):
    """Three steps on fixed gradients; y is the parameters after them, one behind the other."""

    def make(d):
        shapes = [d.shape(1, 2) for _ in range(d.integer(1, 4))]
        w = [d.values(s) for s in shapes]
        g = [d.values(s) for _ in range(3) for s in shapes]
        o = {"rate": d.real(1e-3, 0.5), "weight_decay": d.choice([0.0, 0.01, 0.3]), "clip": d.choice([0.0, 0.5, 5.0])}
        if kind == "sgd":
            o["momentum"] = d.choice([0.0, 0.5, 0.9])
            o["nesterov"] = o["momentum"] > 0 and d.flag()
        else:
            o.update(beta1=d.real(0.5, 0.95), beta2=d.real(0.9, 0.999), epsilon=d.choice([1e-8, 1e-3]))

        def torch_op(_, f):
            parameters = [torch.nn.Parameter(t.clone()) for t in f[: len(w)]]
            if kind == "sgd":
                steps = torch.optim.SGD(
                    parameters, o["rate"], o["momentum"], weight_decay=o["weight_decay"], nesterov=o["nesterov"]
                )
            else:
                optimizer_class = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
                steps = optimizer_class(
                    parameters, o["rate"], (o["beta1"], o["beta2"]), o["epsilon"], o["weight_decay"]
                )
            for step in range(3):
                for i, p in enumerate(parameters):
                    p.grad = f[len(w) * (step + 1) + i].clone()
                if o["clip"]:
                    torch.nn.utils.clip_grad_norm_(parameters, o["clip"])
                steps.step()
            return torch.cat([p.detach().reshape(-1) for p in parameters])

        return case([], torch_op, w + g, parameters=len(w), **o)

    return make


OPS = {
    "add": binary(torch.add),
    "sub": binary(torch.sub),
    "mul": binary(torch.mul),
    "div": binary(torch.div, away_from_zero=True),
    "relu": unary(torch.relu, kinked=True),
    "leaky_relu": leaky_relu,
    "exp": unary(torch.exp, -5, 5),
    "log": unary(torch.log, 0.1, 10),
    "sqrt": unary(torch.sqrt, 0.1, 10),
    "tanh": unary(torch.tanh, -4, 4),
    "sigmoid": unary(torch.sigmoid, -8, 8),
    "clamp": clamp,
    "pow": power,
    "scale": scale,
    "sum": reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "mean": reduction(lambda x, axes, keep: x.mean(axes, keep)),
    "max": reduction(torch_extreme("amax"), extreme=True),
    "min": reduction(torch_extreme("amin"), extreme=True),
    "argmax": argmax,
    "reshape": reshape,
    "transpose": transpose,
    "slice": slicing,
    "concat": concat,
    "pad": padding,
    "gather_rows": gather_rows,
    "matmul": matmul,
    "linear": linear,
    "conv2d": conv2d,
    "max_pool2d": max_pool2d,
    "average_pool2d": average_pool2d,
    "adaptive_average_pool2d": adaptive_average_pool2d,
    "global_average_pool": global_average_pool,
    "batch_norm_train": batch_norm(True),
    "batch_norm_eval": batch_norm(False),
    "softmax": softmax(torch.softmax),
    "log_softmax": softmax(torch.log_softmax),
    "cross_entropy": cross_entropy(False),
    "cross_entropy_soft": cross_entropy(True),
    "sgd": optimizer("sgd"),
    "adam": optimizer("adam"),
    "adamw": optimizer("adamw"),
}


def run_torch(c, dtype):
    """{name: array}: y, the gradient of every input, and what is updated in place."""

    def tensor(a):
        t = torch.from_numpy(np.array(a, order="C"))
        return t.to(dtype) if t.is_floating_point() else t

    inputs = [tensor(a).requires_grad_() for a in c["inputs"]]
    fixed = [tensor(a) for a in c["fixed"]]
    y = c["torch"](inputs, fixed)
    results = {"y": y.detach().numpy()}
    if inputs:
        y.backward(tensor(c["dy"]))
        results |= {f"d{i}": x.grad.numpy() for i, x in enumerate(inputs)}
    if c.get("compare_fixed"):
        results |= {f"fixed{i}": f.numpy() for i, f in enumerate(fixed)}
    return results


def nudged(c, seed):
    """The case with every float input moved by half a unit in its last place, up or down."""
    random = np.random.default_rng(seed)

    def nudge(a):
        return a if a.dtype == np.int32 else a * (1 + 2.0**-24 * random.choice([-1.0, 1.0], np.shape(a)))

    return c | {"inputs": [nudge(a) for a in c["inputs"]], "fixed": [nudge(a) for a in c["fixed"]], "dy": nudge(c["dy"])}


def run_ours(program, op, cases, device):
    def array(a):
        return {"shape": list(np.shape(a)), "integer": a.dtype == np.int32, "values": np.ravel(a).tolist()}

    request = [
        {
            "op": op,
            "inputs": [array(a) for a in c["inputs"]],
            "fixed": [array(a) for a in c["fixed"]],
            "attributes": c["attributes"],
            "dy": np.ravel(c["dy"]).tolist(),
        }
        for c in cases
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(request, file)
        file.flush()
        done = subprocess.run([program, device, file.name], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{op} on {device}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return [
        {name: np.array(r["values"]).reshape(r["shape"]) for name, r in results.items()}
        for results in json.loads(done.stdout)
    ]


def make_cases(op, count, seed):
    cases = []
    for i in range(count):
        d = Draw([seed, sorted(OPS).index(op), i])
        c = OPS[op](d)
        with torch.no_grad():
            y = c["torch"]([torch.from_numpy(a) for a in c["inputs"]], [torch.from_numpy(a.copy()) for a in c["fixed"]])
        c["dy"] = d.values(list(y.shape)) if c["inputs"] else np.zeros(0)
        cases.append(c)
    return cases


def compare(verdict, program, op, cases):
    expected = [run_torch(c, torch.float64) for c in cases]
    ours = run_ours(program, op, cases, "ref"), run_ours(program, op, cases, "cpu")
    if not all(ours):
        verdict.check(False, f"{op}: peer_ops failed")
        return
    ref_worst = cpu_worst = ratio_worst = 0.0
    problem = ""
    for c, want, ref, cpu in zip(cases, expected, *ours):
        others = [run_torch(c, torch.float32)] + [run_torch(nudged(c, i), torch.float64) for i in range(8)]
        for name, w in want.items():
            r, s = distance(ref[name], w), distance(cpu[name], w)
            bound = max(CPU_FACTOR * max(distance(o[name], w) for o in others), CPU_FLOOR)
            if not (r <= REF_BOUND and s <= bound):
                problem = problem or f"; {name}: ref {r:.1e}, cpu {s:.1e}, bound {bound:.1e}: {c['attributes']} {[np.shape(a) for a in c['inputs']]}"
            ref_worst, cpu_worst = max(ref_worst, r), max(cpu_worst, s)
            ratio_worst = max(ratio_worst, s / bound)
    text = f"{op:24s} {len(cases)} cases, ref {ref_worst:.1e}, cpu {cpu_worst:.1e}, {ratio_worst:.2f} of the bound"
    verdict.check(not problem, text + problem)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60, help="per op")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one op")
    parser.add_argument("--program", help="peer_ops")
    options = parser.parse_args()
    torch.set_num_threads(1)
    program = find_program("peer_ops", options.program)
    verdict = Verdict()
    for op in [options.only] if options.only else OPS:
        compare(verdict, program, op, make_cases(op, options.cases, options.seed))
    verdict.exit()


if __name__ == "__main__":
    main()
