#!/usr/bin/env bash
# Runs tlrun as its user would, on pictures it renders itself: train, predict, and what goes wrong.
#   cli_test.sh TLRUN TLBENCH
set -u
tlrun=$1 tlbench=$2
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
render_pictures

# Training writes a model; the same bits for every number of threads.
for threads in 1 2 3; do
  expect 0 "saved     run$threads/best.h5" \
    "$tlrun" --data patterns --arch resnet18 --epochs 2 --threads $threads --out run$threads --no-cache
done
[ ! -e cache ] || fail "--no-cache kept something"
cmp run1/best.h5 run2/best.h5 || fail "1 and 2 threads: different models"
cmp run1/best.h5 run3/best.h5 || fail "1 and 3 threads: different models"
expect 0 "patterns/val/whole/0007.png: " "$tlrun" predict --model run1/best.h5 patterns/val/whole/0007.png

# Features are kept: a second run computes none and is the same run; a damaged file is computed anew.
features() {
  expect 0 "$1" "$tlrun" --data patterns --arch resnet18 --epochs 2 --out "$2"
  cmp run1/best.h5 "$2/best.h5" || fail "$2: another model than without a cache"
}
features "0 of them from $work/cache/features, 16 computed and kept there" cold
features "16 of them from $work/cache/features, 0 computed and kept there" warm
truncate --size -1 cache/features/*.features
features "truncated file of features; its features are computed again" damaged
also "0 of them from"
features "16 of them from" repaired
rm -r cache
for i in 1 2 3; do
  "$tlrun" --data patterns --arch resnet18 --epochs 2 --out at_once$i >at_once$i.txt 2>&1 &
done
wait
for i in 1 2 3; do
  cmp run1/best.h5 at_once$i/best.h5 || fail "runs at once: another model than without a cache"
done
features "16 of them from" after_three_at_once
TLRUN_CACHE=/dev/null features "features are not kept: /dev/null/features: cannot be created: Not a directory" nowhere
! grep -q "kept there" out.txt || fail "features that are not kept are said to be"

# A model of ours is a backbone too, and its default place is runs/N.
expect 0 "resnet18, 100 tensors matched" "$tlrun" train --weights run1/best.h5 --data patterns --epochs 1
[ -f runs/1/best.h5 ] || fail "no runs/1/best.h5"
expect 0 "model runs/1/best.h5" "$tlrun" predict patterns/val/whole/0007.png

# A broken picture is named, skipped and counted.
printf '\377\330\377\340broken' >patterns/train/whole/broken.jpg
expect 0 "1 skipped" "$tlrun" --data patterns --epochs 1 --out run4
grep -q "patterns/train/whole/broken.jpg: " out.txt || fail "the broken picture is not named"
expect 1 "patterns/train/whole/broken.jpg: " \
  "$tlrun" predict --model run1/best.h5 patterns/train/whole/broken.jpg patterns/val/whole/0007.png
grep -q "patterns/val/whole/0007.png: " out.txt || fail "the picture after the broken one got no line"

# A disk that is full: one line, exit 1, no file, whatever was under way.
limited() {
  (ulimit -f 500 && "$@")
}
expect 1 "best.h5: File too large" limited "$tlrun" --data patterns --scratch --arch resnet20 \
  --size 32 --epochs 2 --out full
[ ! -e full ] || fail "a run that could not write left a folder behind"

# What cannot be done: one line, exit 1, no file.
head -c 100000 run1/best.h5 >cut.h5
expect 1 "cut.h5: " "$tlrun" --weights cut.h5 --data patterns --out none
expect 1 "missing.h5: " "$tlrun" --weights missing.h5 --data patterns --out none
expect 1 "nowhere" "$tlrun" --data nowhere --out none
expect 1 "--out/none: cannot be created" "$tlrun" --data patterns --out /dev/null/--out/none
expect 1 "run1/best.h5: exists already" "$tlrun" --data patterns --out run1
expect 1 "no epoch ended with a finite loss" "$tlrun" --data patterns --lr 1e300 --out none
[ ! -e none ] || fail "a failed run left a folder behind"
expect 1 "/dev/null/x/balanced/arrow: cannot be created" "$tlrun" render /dev/null/x --task balanced

# Wrong usage: exit 2.
expect 2 "--steps requires --pretrain" "$tlrun" demo --steps 40
expect 2 "cats" "$tlrun" render pictures --task cats
expect 2 "--data is required" "$tlrun" --weights run1/best.h5
expect 2 "--epochs" "$tlrun" --data patterns --epochs 0
expect 2 "resnet19" "$tlrun" --data patterns --arch resnet19
expect 2 "excludes --arch" "$tlrun" --data patterns --arch resnet50 --weights run1/best.h5
expect 2 "gpu" "$tlrun" --data patterns --device gpu
expect 2 "must be a positive number" "$tlrun" --data patterns --lr nan
expect 2 "--bogus" "$tlrun" --data patterns --bogus
expect 0 "tlrun predict" "$tlrun" --help

expect 0 "images/s" "$tlbench" model resnet18 --batch 1 --size 64 --runs 1
expect 0 '"images_per_second"' "$tlbench" model resnet18 --mode train --batch 2 --size 64 --runs 1 --json
expect 0 "images/s" "$tlbench" model resnet18 --batch 1 --size 64 --runs 1 --variant conv2d=implicit_gemm
expect 1 "conv2d.forward implicit_gemm" "$tlbench" model resnet18 --variant conv2d=fastest
for mode in infer train; do
  expect 0 '"amp":"bf16"' "$tlbench" model resnet20 --mode $mode --batch 1 --size 32 --runs 1 \
    --device ref --amp bf16 --json
done
expect 0 "on ref in bf16, batch 1" "$tlbench" model resnet20 --batch 1 --size 32 --runs 1 \
  --device ref --amp bf16
expect 1 "tlbench: --amp bf16: the cpu computes in f32" "$tlbench" model resnet20 --amp bf16
expect 2 "tlbench: --amp: " "$tlbench" model resnet20 --amp f16
expect 2 "--varaint: no such option; did you mean --variant?" "$tlbench" model resnet18 --varaint x
expect 2 "tlbench: --batch: " "$tlbench" model resnet18 --batch 0
expect 0 "Usage: tlbench model ARCH [OPTIONS]" "$tlbench" model --help
[ "$(wc -L <out.txt)" -le 100 ] || fail "tlbench model --help is wider than 100 columns"

finish cli
