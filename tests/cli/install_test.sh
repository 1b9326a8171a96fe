#!/usr/bin/env bash
# Installs the build, builds apps/example against what was installed and nothing else, and runs it.
#   install_test.sh BUILD SOURCE CMAKE
set -eu
build=$1 source=$2 cmake=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >/dev/null
cp -r "$source/apps/example" "$work/example"  # outside of the tree: nothing is found by accident
"$cmake" -S "$work/example" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
"$cmake" --build "$work/build"

cd "$work"
tlrun=$work/prefix/bin/tlrun
"$tlrun" render . --task imbalanced --count 8
"$work/build/finetune" "$source/apps/demo/weights.h5" imbalanced out.h5
first=$(find imbalanced -name '*.png' | sort | head -n 1)
"$tlrun" predict --model out.h5 "$first" | tee predicted.txt
grep -qF "$first: " predicted.txt

if "$work/build/finetune" missing.h5 imbalanced other.h5 2>error.txt || [ -e other.h5 ]; then
  echo "FAILED: a missing weights file is no error"
  exit 1
fi
grep -qF "missing.h5: " error.txt
