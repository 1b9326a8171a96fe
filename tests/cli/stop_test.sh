#!/usr/bin/env bash
# A run that is stopped or killed at any moment leaves files that can be read.
#   stop_test.sh TLRUN
set -u
tlrun=$1
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
render_pictures

# wait_for FILE LINES: until the file has so many lines; fails after half a minute.
wait_for() {
  local i
  for ((i = 0; i < 300; ++i)); do
    [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ] && return 0
    sleep 0.1
  done
  fail "$1 did not get $2 lines"
  return 1
}

# start FOLDER OPTIONS...: a run in the background, its number in $pid.
start() {
  local out=$1
  shift
  "$tlrun" --data patterns --size 32 --epochs 1000000 --out "$out" "$@" >"$out.txt" 2>&1 &
  pid=$!
}

# Every line of metrics.jsonl is whole, and numbered from 1.
check_metrics() {
  awk -v n=0 '{ n++; if ($0 !~ "^{\"epoch\":" n ",.*}$") exit 1 } END { exit n == 0 }' "$1/metrics.jsonl" ||
    fail "$1/metrics.jsonl is damaged"
}

picture=patterns/val/whole/0007.png

# SIGINT and SIGTERM: the models are written whole, the heads go.
for signal in INT TERM; do
  start stopped_$signal
  wait_for stopped_$signal/metrics.jsonl 3 && kill -$signal $pid
  wait $pid || fail "SIG$signal: exit code $?"
  cp stopped_$signal.txt out.txt
  also "stopping after this step; once more: at once" "stopped by" "saved     stopped_$signal/best.h5"
  for file in best.h5 last.h5 metrics.jsonl config.json; do
    [ -f stopped_$signal/$file ] || fail "SIG$signal: no $file"
  done
  [ "$(ls stopped_$signal | wc -l)" -eq 4 ] || fail "SIG$signal left: $(ls stopped_$signal)"
  check_metrics stopped_$signal
  expect 0 "$picture: " "$tlrun" predict --model stopped_$signal $picture
done

# SIGKILL with a frozen backbone, its weights drawn, then read from a file: the head is there, and
# with the weights it is a model.
start killed_random
wait_for killed_random/metrics.jsonl 5 && kill -KILL $pid
wait $pid 2>/dev/null
check_metrics killed_random
[ ! -e killed_random/best.h5 ] || fail "a whole model in an epoch"
[ "$(stat -c %s killed_random/best_head.h5)" -lt 50000 ] || fail "an epoch writes more than a head"
expect 0 "accuracy" "$tlrun" eval --model killed_random --data patterns
expect 0 "$picture: " "$tlrun" predict --model killed_random $picture

start killed_weights --weights stopped_INT/best.h5
wait_for killed_weights/metrics.jsonl 5 && kill -KILL $pid
wait $pid 2>/dev/null
expect 0 "$picture: " "$tlrun" predict --model killed_weights $picture
cp stopped_INT/last.h5 kept.h5
"$tlrun" --data patterns --size 32 --epochs 1 --seed 9 --out other >/dev/null 2>&1
cp other/best.h5 stopped_INT/best.h5
expect 1 "is not the one that this head was trained on" \
  "$tlrun" predict --model killed_weights $picture
rm stopped_INT/best.h5
expect 1 "stopped_INT/best.h5: " "$tlrun" predict --model killed_weights $picture

# SIGKILL at any moment, with the whole network in training: a model that works, or a line that
# says what there is.
for delay in 0.05 0.2 0.4 0.7 1.1 1.6 2.3; do
  start killed_$delay --scratch --arch resnet20
  sleep $delay
  kill -KILL $pid
  wait $pid 2>/dev/null
  [ ! -f killed_$delay/metrics.jsonl ] || check_metrics killed_$delay
  if [ -f killed_$delay/best.h5 ]; then
    expect 0 "$picture: " "$tlrun" predict --model killed_$delay $picture
  elif [ -d killed_$delay ]; then
    expect 1 "killed_$delay: holds no model" "$tlrun" predict --model killed_$delay $picture
  fi
done

# Stopped before the first epoch: nothing to save, nothing left behind.
mkdir -p many/a many/b
for ((i = 0; i < 400; ++i)); do
  cp $picture many/a/$i.png
  cp $picture many/b/$i.png
done
"$tlrun" --data many --out early >early.txt 2>&1 &
pid=$!
for ((i = 0; i < 300; ++i)); do [ -f early/config.json ] && break || sleep 0.1; done
kill -INT $pid
wait $pid
[ $? -eq 1 ] || fail "stopped early: exit code $?"
cp early.txt out.txt
also "stopped by Ctrl-C before the first epoch; nothing was saved"
[ ! -e early ] || fail "a run stopped early left a folder behind"

finish stop
