#!/usr/bin/env python3
"""Networks that Keras saved, as tlrun reads them: the same logits as Keras's own.

    $(tests/peers/venv.sh) tests/peers/keras_files.py --data DIR      checks, with Keras 3
    PYTHON tests/peers/keras_files.py --data DIR                      checks, with Keras 2
    $(tests/peers/venv.sh) tests/peers/keras_files.py --golden        writes tests/golden/keras/
    PYTHON tests/peers/keras_files.py --golden                        the files of Keras 2 there

PYTHON is that of an environment with tensorflow 2.15 and keras_applications 1.0.8, which Keras 2
and the names of Keras 1 need (Python 3.11: pip install tensorflow-cpu==2.15.1 keras_applications
h5py pillow).

For each network of keras.applications and each way to save it: Keras writes the file, peer_logits
reads it and says what it makes of photographs of DIR, Keras predicts the same pixels behind its own
preprocess_input. Passes if the logits differ by at most 1e-4, relative. Weights are random, with
biases, and batch norms know the statistics of photographs.
"""

import argparse
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

import common

BOUND = 1e-4
IS_KERAS_2 = keras.__version__.startswith("2.")
GOLDEN = common.REPOSITORY / "tests" / "golden" / "keras"

if IS_KERAS_2:
    from keras.src.applications import resnet
    import keras_applications.resnet50
else:
    from keras.src.applications import resnet


class Narrow:
    """keras.layers with a fraction of the convolutions' channels."""

    def __init__(self, divisor):
        self.divisor = divisor

    def __getattr__(self, name):
        return getattr(keras.layers, name)

    def Conv2D(self, filters, *args, **kwargs):
        return keras.layers.Conv2D(filters // self.divisor, *args, **kwargs)


def resnet_v1(blocks, divisor=1, include_top=True, classes=1000, size=224):
    """keras.applications' ResNet, with logits instead of probabilities."""
    stack = resnet.stack1 if IS_KERAS_2 else resnet.stack_residual_blocks_v1
    def body(x):
        for i, n in enumerate(blocks):
            x = stack(x, 64 << i, n, stride1=1 if i == 0 else 2, name=f"conv{i + 2}")
        return x

    arguments = dict(preact=False, use_bias=True, include_top=include_top, weights=None,
                     input_shape=(size, size, 3), pooling="avg", classes=classes,
                     classifier_activation=None)
    if IS_KERAS_2:
        return resnet.ResNet(body, model_name="resnet", layers=Narrow(divisor), **arguments)
    usual, resnet.layers = resnet.layers, Narrow(divisor)
    try:
        return resnet.ResNet(body, weights_name=None, **arguments)
    finally:
        resnet.layers = usual


def resnet_of_keras_1(divisor=1, classes=1000, size=224):
    """The one that resnet50_weights_tf_dim_ordering_tf_kernels.h5 was made for."""
    model = keras_applications.resnet50.ResNet50(
        weights=None, classes=classes, input_shape=(size, size, 3), backend=keras.backend,
        layers=Narrow(divisor), models=keras.models, utils=keras.utils)
    model.layers[-1].activation = keras.activations.linear
    return keras.Model(model.input, model.layers[-1](model.layers[-2].output), name="resnet50")


def all_layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from all_layers(layer)
        else:
            yield layer


def fill(model, x, seed):
    """Random weights; batch norms get the statistics of x, roughly."""
    rng = np.random.default_rng(seed)
    norms = [n for n in all_layers(model) if isinstance(n, keras.layers.BatchNormalization)]
    for layer in all_layers(model):
        values = []
        for w in layer.get_weights():
            if w.ndim == 4:
                values.append(rng.normal(0, np.sqrt(2 / np.prod(w.shape[:3])), w.shape))
            elif w.ndim == 2:
                values.append(rng.normal(0, np.sqrt(1 / w.shape[0]), w.shape))
            else:
                values.append(rng.uniform(-0.5, 0.5, w.shape))
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = values[0].shape
            # The last of a branch is small, as in trained networks: the depth stays tame.
            small = 0.3 if layer.name.endswith(("_3_bn", "2c")) else 1
            values[0] = small * rng.uniform(0.5, 1.5, shape)
            values[3] = rng.uniform(0.5, 1.5, shape)
        if values:
            layer.set_weights(values)
    momenta = [n.momentum for n in norms]
    for n in norms:
        n.momentum = 0.0
    model(np.asarray(x, np.float32), training=True)
    for n, momentum in zip(norms, momenta):
        n.momentum = momentum
        gamma, beta, mean, variance = n.get_weights()
        n.set_weights([gamma, beta, mean * rng.uniform(0.9, 1.1, mean.shape),
                       variance * rng.uniform(0.8, 1.25, mean.shape) + 1e-3])


def legacy_weights(model, path):
    """What save_weights("x.h5") of Keras 2 writes: layers at the root."""
    if IS_KERAS_2:
        model.save_weights(path)
        return
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


WAYS = {
    "weights, legacy": ("legacy.h5", legacy_weights),
    "whole model, legacy": ("whole.h5", lambda model, path: model.save(path)),
    "weights": ("x.weights.h5", lambda model, path: model.save_weights(path)),
    "whole model": ("x.keras", lambda model, path: model.save(path)),
}


def trained(model):
    """One step of training, which leaves an optimizer's state in the file."""
    before = model.get_weights()
    model.compile("adam", "mse")
    model.fit(np.zeros((1, *model.input_shape[1:])), np.zeros((1, *model.output_shape[1:])),
              verbose=0)
    model.set_weights(before)
    return model


def with_own_head(backbone, classes=3, rescales=False, flips=False):
    """As people build them: a backbone inside of a model, and a dense layer of their own."""
    layers = [keras.layers.Input(backbone.input_shape[1:])]
    if flips:
        layers.append(keras.layers.RandomFlip("horizontal"))
    if rescales:
        layers.append(keras.layers.Rescaling(1 / 127.5, offset=-1))
    layers += [backbone, keras.layers.Dropout(0.2), keras.layers.Dense(classes, name="my_classes")]
    return keras.Sequential(layers)


def caffe(pixels):
    return resnet.preprocess_input(np.asarray(pixels, np.float32).copy())


def predict(model, x):
    return np.asarray(model.predict(x, verbose=0))


class Check:
    def __init__(self, arguments, folder):
        self.program = common.find_program("peer_logits", arguments.peer_logits)
        self.pictures = sorted(pathlib.Path(arguments.data).rglob("*.jpg"))[:: arguments.every]
        self.pictures = [str(p) for p in self.pictures[: arguments.pictures]]
        self.folder = folder
        self.verdict = common.Verdict()

    def ours(self, path):
        out = str(self.folder / "logits.h5")
        command = [self.program, "--weights", path, "--out", out, *self.pictures]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr.strip() or f"peer_logits: exit {done.returncode}"
        return common.read_h5(out)

    def run(self, name, model, preprocess=caffe, ways=WAYS):
        for way in ways:
            file, save = WAYS[way]
            path = str(self.folder / file)
            save(model, path)
            got = self.ours(path)
            text = f"{name}, {way} ({os.path.getsize(path) / 1e6:.1f} MB)"
            os.remove(path)
            if isinstance(got, str):
                self.verdict.check(False, f"{text}: {got}")
                continue
            expected = predict(model, preprocess(got["pixels"]))
            d = common.distance(got["logits"], expected)
            self.verdict.check(d <= BOUND, f"{text}: {d:.1e}")


def photographs(check, model):
    """Pixels to fit batch norms to: those of a file that is not right yet."""
    path = str(check.folder / "first.h5")
    legacy_weights(model, path)
    got = check.ours(path)
    if isinstance(got, str):
        sys.exit(got)
    return got["pixels"]


def run_checks(arguments):
    with tempfile.TemporaryDirectory() as folder:
        check = Check(arguments, pathlib.Path(folder))
        x = photographs(check, resnet_v1((1, 1, 1, 1), 16))
        print(f"Keras {keras.__version__}, {len(x)} photographs")

        narrow = resnet_v1((2, 1, 3, 1), 16, classes=7)
        fill(narrow, caffe(x), 1)
        check.run("narrow", trained(narrow))
        backbone = resnet_v1((1, 2, 1, 1), 16, include_top=False)
        own = with_own_head(backbone, flips=True)
        fill(own, caffe(x), 2)
        check.run("backbone in a model, own head, trained", trained(own))
        rescaling = with_own_head(resnet_v1((1, 1, 1, 2), 16, include_top=False), rescales=True)
        fill(rescaling, x, 3)
        # Weights alone do not say that pictures are rescaled.
        check.run("backbone in a model that rescales", rescaling, lambda pixels: pixels,
                  ["whole model, legacy", "whole model"])
        flat = resnet_v1((1, 1, 1, 1), 16, include_top=False)
        flat = keras.Model(flat.input, keras.layers.Dense(4)(flat.output))
        fill(flat, caffe(x), 4)
        check.run("own head on a backbone's output", flat)
        if IS_KERAS_2:
            old = resnet_of_keras_1()
            fill(old, caffe(x), 5)
            check.run("ResNet50 of Keras 1", old, ways=["weights, legacy", "whole model, legacy"])
            as_keras_1(check, old)
        depths = {"ResNet50": (3, 4, 6, 3), "ResNet101": (3, 4, 23, 3), "ResNet152": (3, 8, 36, 3)}
        for name, blocks in depths.items():
            if name not in arguments.networks:
                continue
            made = getattr(resnet, name)(weights=None, classifier_activation=None)
            assert [len([n for n in all_layers(made) if n.name.startswith(f"conv{i + 2}_block")
                         and n.name.endswith("_1_conv")]) for i in range(4)] == list(blocks)
            fill(made, caffe(x), 6)
            check.run(name, made)
        check.verdict.exit()


def as_keras_1(check, model):
    """The names inside of the file that everybody downloaded: conv1/conv1_W:0."""
    parts = {"kernel": "W", "bias": "b", "gamma": "gamma", "beta": "beta",
             "moving_mean": "running_mean", "moving_variance": "running_std"}
    path = str(check.folder / "keras1.h5")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{parts[w.name.split('/')[-1].split(':')[0]]}_1:0"
                     for w in layer.weights]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for name, value in zip(names, layer.get_weights()):
                group.create_dataset(name, data=value)
    got = check.ours(path)
    if isinstance(got, str):
        check.verdict.check(False, f"names of Keras 1: {got}")
        return
    d = common.distance(got["logits"], predict(model, caffe(got["pixels"])))
    check.verdict.check(d <= BOUND, f"ResNet50, names of Keras 1: {d:.1e}")


def write_golden():
    """Narrow networks and what they say of two pictures; packed, for HDF5 is mostly zeros."""
    GOLDEN.mkdir(exist_ok=True)
    rng = np.random.default_rng(8)
    waves = np.linspace(0, 9, 40)
    pixels = (127.5 + 80 * np.sin(waves[None, :, None, None] * (1, 2, 3))
              * np.cos(waves[None, None, :, None] * (3, 1, 2))
              + rng.normal(0, 20, (2, 40, 40, 3))).clip(0, 255).astype(np.uint8)
    path = GOLDEN / "expected.h5"
    expected = common.read_h5(path) if path.exists() else {}
    pixels = expected.setdefault("pixels", pixels)
    x = caffe(pixels)
    files = {}
    if IS_KERAS_2:
        old = resnet_of_keras_1(64, classes=3, size=40)
        fill(old, x, 1)
        files["keras2_old_names.h5"] = (old, x, legacy_weights)
        new = resnet_v1((2, 1, 1, 1), 64, classes=3, size=40)
        fill(new, x, 2)
        files["keras2.weights.h5"] = (new, x, WAYS["weights"][1])
    else:
        whole = resnet_v1((2, 1, 1, 1), 64, classes=3, size=40)
        fill(whole, x, 3)
        files["keras3_trained.h5"] = (trained(whole), x, WAYS["whole model, legacy"][1])
        own = with_own_head(resnet_v1((1, 1, 2, 1), 64, include_top=False, size=40), flips=True)
        fill(own, x, 4)
        files["keras3_own_head.keras"] = (own, x, WAYS["whole model"][1])
        rescaling = with_own_head(resnet_v1((1, 1, 1, 1), 64, include_top=False, size=40),
                                  rescales=True)
        fill(rescaling, pixels, 5)
        files["keras3_rescaling.h5"] = (rescaling, pixels, WAYS["whole model, legacy"][1])
        files["keras3_rescaling.keras"] = (rescaling, pixels, WAYS["whole model"][1])
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, seen, save) in files.items():
            path = os.path.join(folder, name)
            save(model, path)
            (GOLDEN / f"{name}.gz").write_bytes(
                gzip.compress(pathlib.Path(path).read_bytes(), 9, mtime=0))
    for name, (model, seen, save) in files.items():
        expected[name] = predict(model, np.asarray(seen, np.float32))
    with h5py.File(GOLDEN / "expected.h5", "w", libver="latest") as file:
        for name, value in expected.items():
            file.create_dataset(name, data=value, track_times=False)
    for path in sorted(GOLDEN.iterdir()):
        print(f"{path.stat().st_size:7} {path.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="a folder of photographs (.jpg)")
    parser.add_argument("--golden", action="store_true", help="writes tests/golden/keras/")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--every", type=int, default=50, help="takes every so many of them")
    parser.add_argument("--networks", nargs="*", default=["ResNet50", "ResNet101", "ResNet152"])
    parser.add_argument("--peer-logits", help="the program")
    given = parser.parse_args()
    if given.golden:
        write_golden()
    elif given.data:
        run_checks(given)
    else:
        parser.error("--data or --golden")
