#!/usr/bin/env bash
# eval, inspect, predict on folders, fine-tuning, help and suggestions.
#   commands_test.sh TLRUN
set -u
tlrun=$1
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
render_pictures

# Help fits a screen: at most 36 lines of 100 columns.
for command in "" train eval predict inspect convert export demo render; do
  # shellcheck disable=SC2086
  expect 0 "Usage: tlrun" "$tlrun" $command --help
  [ "$(wc -l <out.txt)" -le 36 ] || fail "tlrun $command --help has more than 36 lines"
  [ "$(wc -L <out.txt)" -le 100 ] || fail "tlrun $command --help is wider than 100 columns"
  also "  tlrun "
done

# What was meant.
expect 2 "--epoch: no such option; did you mean --epochs?" "$tlrun" --data patterns --epoch 3
expect 2 "--dtaa: no such option; did you mean --data?" "$tlrun" train --dtaa patterns
expect 2 "evla: no such command; did you mean eval?" "$tlrun" evla
expect 2 "--modle: no such option; did you mean --model?" "$tlrun" predict --modle x a.png
expect 2 "frobnicate: no such command" "$tlrun" frobnicate
expect 2 "--augment: needs --unfreeze or --scratch" "$tlrun" --data patterns --augment
expect 2 "--amp: needs --unfreeze or --scratch" "$tlrun" --data patterns --amp bf16
expect 1 "--amp bf16: the cpu computes in f32" "$tlrun" --data patterns --scratch --amp bf16
expect 2 "--unfreeze excludes --scratch" "$tlrun" --data patterns --scratch --unfreeze layer4
expect 2 "--seed: must be a whole number" "$tlrun" --data patterns --seed -1
expect 2 "--seed: must be a whole number" "$tlrun" render seeds --seed -1
expect 2 "--json excludes --graph" "$tlrun" inspect --graph --json resnet20
expect 2 "'gpu': cpu, cuda, cuda:N, auto, ref or simt" "$tlrun" --data patterns --device gpu
# Where there is no GPU, cuda is refused in one line; 99 GPUs nobody has.
expect 1 "device cuda:99: " "$tlrun" --data patterns --arch resnet20 --device cuda:99 --out none
[ "$(grep -c . out.txt)" -eq 1 ] || fail "--device cuda:99: more than one line"
[ ! -e none ] || fail "--device cuda:99 left a folder behind"
expect 1 "resnet19" "$tlrun" inspect --graph resnet19
also "resnet18"
expect 0 "Usage: tlrun eval" "$tlrun" help eval
expect 0 "Usage: tlrun COMMAND" "$tlrun" help

# A standard output that is full, or closed: an error, and no file with what was printed.
if [ -e /dev/full ]; then
  "$tlrun" inspect patterns >/dev/full 2>out.txt && fail "a full standard output: exit code 0"
  also "tlrun: standard output: No space left on device"
fi
"$tlrun" render closed --task balanced --count 1 >&- 2>out.txt || fail "a closed standard output"
"$tlrun" inspect closed/balanced >out.txt || fail "inspect"

# All of a network, part of it, and with every option of the recipe; the same bits each time.
recipe="--size 32 --epochs 2 --batch 8 --augment --seed 3"
# shellcheck disable=SC2086
{
  expect 0 "trained   269202 of 269202 parameters" \
    "$tlrun" --scratch --arch resnet20 --data patterns $recipe --threads 1 --out scratch1
  expect 0 "next      tlrun predict --model scratch2/best.h5" \
    "$tlrun" --scratch --arch resnet20 --data patterns $recipe --threads 3 --out scratch2
  cmp scratch1/best.h5 scratch2/best.h5 || fail "1 and 3 threads: different models"
  expect 0 "rate by cosine, 1 epochs of warm-up, gradients clipped to 1, label smoothing 0.1" \
    "$tlrun" --weights scratch1/best.h5 --data patterns $recipe --unfreeze layer3 --optimizer sgd \
    --schedule cosine --warmup 1 --clip 1 --label-smoothing 0.1 --class-weights balanced \
    --weight-decay 1e-4 --momentum 0.8 --out partial
}
also "resnet20" "for 2 classes (the file's had 2)" "whole" "chipped"
expect 1 "pattern 'layer9' matches no parameter" \
  "$tlrun" --weights scratch1/best.h5 --data patterns --unfreeze layer9 --out none
[ ! -e none ] || fail "a refused run left a folder behind"
[ "$(wc -l <partial/metrics.jsonl)" -eq 2 ] || fail "not a line per epoch in metrics.jsonl"
grep -q '"class_weights": "balanced"' partial/config.json || fail "config.json lacks an option"
grep -q '"conv2d.forward"' partial/config.json || fail "config.json lacks the variants"

# eval: accuracy of a model on its validation pictures, as training said.
expect 0 "pictures  patterns: 4 of split val (--split all: 12 more)" \
  "$tlrun" eval --model partial --data patterns
also "balanced" "F1" "ROC-AUC" "precision" "confusions: rows are"
said=$(grep -o '"val_accuracy":[0-9.]*' partial/metrics.jsonl | cut -d: -f2 | sort -n | tail -1)
expect 0 '"balanced_accuracy"' "$tlrun" eval --model partial/best.h5 --data patterns --json
also "\"accuracy\": $said" '"confusion"' '"skipped": 0'
expect 0 "16 of split all" "$tlrun" eval --model partial --data patterns --split all
expect 1 "has no pictures for --split test" "$tlrun" eval --model partial --data patterns --split test
mkdir -p strange/zebra && cp patterns/val/whole/0007.png strange/zebra
expect 1 "zebra" "$tlrun" eval --model partial --data strange

# predict: a folder is all pictures below it.
expect 0 "patterns/val/whole/0008.png: " "$tlrun" predict --model partial patterns/val
[ "$(grep -c "^patterns/val/.*%" out.txt)" -eq 4 ] || fail "not a line per picture"
expect 0 '{"file":"patterns/val/chipped/0007.png","class":"' \
  "$tlrun" predict --json --top 1 --model partial patterns/val/chipped
odd=$(printf 'odd\n\033[31m.png')
cp patterns/val/whole/0007.png "$odd"
expect 0 "odd??[31m.png: " "$tlrun" predict --model partial "$odd"
expect 0 '{"file":"odd\n\u001b[31m.png",' "$tlrun" predict --model partial --json "$odd"
printf 'broken' >"$odd"
expect 1 "odd??[31m.png: " "$tlrun" predict --model partial "$odd"
expect 1 "odd??[31m.png: " "$tlrun" predict --model partial --strict "$odd"
mkdir empty
expect 1 "empty: holds no pictures" "$tlrun" predict --model partial empty
printf 'broken' >empty/a.png
expect 1 "empty/a.png: " "$tlrun" predict --model partial --strict empty patterns/val
[ "$(grep -c '%' out.txt)" -eq 0 ] || fail "--strict went on after a broken picture"
cp empty/a.png patterns/train/whole/broken.png
expect 1 "broken.png: " "$tlrun" --data patterns --strict --arch resnet20 --size 32 --out none
[ ! -e none ] || fail "--strict left a folder behind"
expect 0 "skipped   1 of the pictures, named above" \
  "$tlrun" --data patterns --scratch --arch resnet20 --size 32 --epochs 2 --out skips
[ "$(grep -c 'broken.png: ' out.txt)" -eq 1 ] || fail "a broken picture is not named once"

# The profile names kernels and layers, of the frozen network too.
expect 0 "conv2d.forward" \
  "$tlrun" --data patterns --arch resnet20 --size 32 --epochs 1 --profile --out profiled
also "layer3.2.conv2" "trace     profiled/trace.json"
[ -s profiled/trace.json ] || fail "no trace"

# inspect: files, runs, pictures, the tape.
expect 0 "architecture   resnet20, 3 channels to 2 classes" "$tlrun" inspect partial
also "conv1.weight" "[16, 3, 3, 3]" "f32" "std" "parameters     269202, in" "classes        2: chipped, whole" \
  "file           partial/best.h5: HDF5, tlrun model 1" "preprocessing  shorter side 32, centre 32 x 32, mean [0.485, "
expect 0 '"architecture": "resnet20"' "$tlrun" inspect --json partial/last.h5
expect 0 "all           13        4        0" "$tlrun" inspect patterns
expect 0 '"val": 2' "$tlrun" inspect patterns --json
expect 0 "cross_entropy" "$tlrun" inspect --graph resnet20
also "conv1.weight [16, 3, 3, 3]" "layer3.2.bn2"
expect 0 "cross_entropy" "$tlrun" inspect --graph partial
expect 1 "nothing.h5: " "$tlrun" inspect nothing.h5

finish commands
