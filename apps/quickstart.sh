#!/usr/bin/env bash
# From a fresh clone to a trained classifier: installs the packages, builds, renders a few dozen
# pictures of spots and stripes, trains a head on a ResNet-18 with random weights, and classifies two
# of them. Random features need smaller batches and a larger rate than those of a pretrained network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=apps/install_packages.sh
source apps/install_packages.sh

# shellcheck disable=SC2086
install_packages $build_packages
echo "Building (a few minutes on two cores) ..."
cmake --preset release -DTL_TESTS=OFF -DTL_CUDA=OFF >/dev/null
cmake --build --preset release -- --quiet

bin=$PWD/build/release/apps
demo=$PWD/build/quickstart
mkdir -p "$demo"
cd "$demo"
"$bin/render_patterns" patterns 36

run() {
  echo
  echo "\$ tlrun $*"
  "$bin/tlrun" "$@"
}
run --data patterns --epochs 25 --batch 8 --lr 0.01
run predict patterns/val/spots/0.png patterns/val/stripes/0.png
echo
echo "Your own pictures: build/release/apps/tlrun --weights resnet18.h5 --data imgs/"
