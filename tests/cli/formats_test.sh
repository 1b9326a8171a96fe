#!/usr/bin/env bash
# convert, export, inspect of files: what a user sees, and what goes wrong.
#   formats_test.sh TLRUN WEIGHTS (tests/golden/weights)
set -u
tlrun=$1 weights=$2
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
render_pictures
"$tlrun" --data patterns --scratch --arch resnet20 --size 32 --epochs 1 --out run >/dev/null || exit 1

# What was written, and how to load it.
expect 0 "written   a.safetensors: 62 tensors, 0.0 MB" "$tlrun" convert "$weights/checkpoint.pth" a.safetensors
also "read      $weights/checkpoint.pth: PyTorch (zip); resnet basic [1, 1, 1, 1] width 1, 3 classes, which have no names" \
  "from safetensors.torch import load_file" 'model.load_state_dict(load_file("a.safetensors"))'
expect 0 "next      tlrun --weights a.h5 --data FOLDER" "$tlrun" convert a.safetensors a.h5
expect 0 "next      tlrun predict --model model.h5 PICTURE" "$tlrun" convert run model.h5
also "read      run/best.h5: HDF5, tlrun model 1; resnet20, 2 classes: chipped, whole"
cmp run/best.h5 model.h5 || fail "convert of our own model is not the same file"
expect 0 "copied as it is: names, axis orders, dtypes" "$tlrun" convert "$weights/odd.pt" odd.safetensors
also "no ResNet: there is no tensor conv1.weight"

# The model predicts from any of its forms.
expect 0 "written   model.safetensors" "$tlrun" convert run model.safetensors
"$tlrun" predict --json --model run patterns/val >expected.txt || fail "predict"
"$tlrun" predict --json --model model.safetensors patterns/val >found.txt || fail "predict"
cmp expected.txt found.txt || fail "predictions from safetensors differ"

# Two files.
expect 0 "equal: 62 tensors, bit for bit" "$tlrun" inspect "$weights/checkpoint.pth" --diff a.h5
also "a          $weights/checkpoint.pth: PyTorch (zip), resnet basic" "b          a.h5: HDF5"
expect 0 '"equal": true' "$tlrun" inspect run --diff model.safetensors --json
expect 1 "different: of 37 tensors in both, 0 equal, 0 differ in numbers, 37 in shape; 60 only in a; 25 only in b" \
  "$tlrun" inspect model.h5 --diff a.h5
also "conv1.weight               [16, 3, 3, 3]   [1, 3, 7, 7]"
expect 1 '"equal": false' "$tlrun" inspect model.h5 --diff a.h5 --json
expect 1 "missing.h5: " "$tlrun" inspect model.h5 --diff missing.h5
expect 2 "--graph excludes --diff" "$tlrun" inspect model.h5 --diff a.h5 --graph

# One file.
expect 0 "file           a.safetensors: safetensors, pt" "$tlrun" inspect a.safetensors
also "architecture   resnet basic [1, 1, 1, 1] width 1, 3 channels to 3 classes"
expect 0 "f32" "$tlrun" inspect "$weights/odd.pt"
also "1 NaN, 1 inf" "tensors hold numbers that are not finite"
expect 0 '"format": "PyTorch (zip)"' "$tlrun" inspect --json "$weights/odd.pt"
also '"infinities": 1'

# What a stranger wrote into a file does nothing to a terminal.
sed 's/chipped/\\\\u001b/' model.safetensors >odd.safetensors  # as many bytes
expect 0 "attribute 'classes' has a name with a control character: ?" "$tlrun" inspect odd.safetensors
! grep -q "$(printf '\033')" out.txt || fail "inspect prints a control character"
expect 1 "odd.safetensors: attribute 'classes'" "$tlrun" convert odd.safetensors none.h5

# ONNX, where it was built in.
if "$tlrun" export run run.onnx 2>&1 | grep -q "built without ONNX"; then
  expect 1 "install libonnx-dev, libprotobuf-dev and protobuf-compiler" "$tlrun" export run run.onnx
  [ ! -e run.onnx ] || fail "an export that is not built in left a file behind"
else
  expect 0 "written   run.onnx: ONNX, operator set 17" "$tlrun" export run run.onnx
  also "read      run/best.h5: HDF5, tlrun model 1; resnet20, 2 classes: chipped, whole" "input     input [batch, 3, 32, 32] f32" \
    "RGB, shorter side to 32, centre 32 x 32, / 255, mean [0.485, 0.456, 0.406], std [" \
    "output    logits [batch, 2] f32, before softmax"
  expect 0 "3 classes, which have no names" "$tlrun" export "$weights/resnet.pth" plain.onnx
  expect 1 "no ResNet" "$tlrun" export "$weights/odd.pt" none.onnx
  expect 1 "nowhere/none.onnx: " "$tlrun" export run nowhere/none.onnx
fi

# What cannot be done: one line, and no file.
expect 2 "none.pth: PyTorch's pickles are read, not written; write none.safetensors" \
  "$tlrun" convert a.h5 none.pth
expect 2 "none.onnx: tlrun export writes ONNX" "$tlrun" convert a.h5 none.onnx
expect 2 "none.txt: the name must end in .h5, .hdf5 or .safetensors" "$tlrun" convert a.h5 none.txt
expect 2 "none.h5: tlrun convert writes that" "$tlrun" export a.h5 none.h5
expect 2 "none.pb: the name must end in .onnx" "$tlrun" export a.h5 none.pb
expect 2 "OUT is required" "$tlrun" convert a.h5
expect 1 "missing.pth: " "$tlrun" convert missing.pth none.h5
expect 1 "nowhere/none.h5: " "$tlrun" convert a.h5 nowhere/none.h5
expect 1 "a.h5: is the file that is read; name another" "$tlrun" convert a.h5 ./a.h5
printf 'no weights' >text.pth
expect 1 "text.pth: " "$tlrun" convert text.pth none.h5
if [ -e /dev/full ]; then
  ln -s /dev/full none.h5
  expect 1 "none.h5: is a device" "$tlrun" convert a.h5 none.h5
  [ -c /dev/full ] || fail "/dev/full was replaced"
  rm none.h5
fi
limited() {
  (ulimit -f 8 && "$@")
}
cp model.h5 old.h5
expect 1 "old.h5: File too large" limited "$tlrun" convert model.safetensors old.h5
cmp model.h5 old.h5 || fail "a failed convert changed its target"
expect 1 "none.safetensors: File too large" limited "$tlrun" convert model.h5 none.safetensors
for file in none*; do
  [ ! -e "$file" ] || fail "$file was left behind"
done
[ "$(find . -name '.*.tmp' | wc -l)" -eq 0 ] || fail "temporary files were left behind"

finish formats
