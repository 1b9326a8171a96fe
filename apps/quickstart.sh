#!/usr/bin/env bash
# From a fresh clone to a trained classifier: installs the packages, builds, renders a few dozen
# pictures of discs and squares, fine-tunes a ResNet-18 on them, and classifies two of them.
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
"$bin/render_shapes" shapes 36
echo
echo "\$ tlrun --data shapes"
"$bin/tlrun" --data shapes
echo
echo "\$ tlrun predict shapes/val/disc/0.png shapes/val/square/0.png"
"$bin/tlrun" predict shapes/val/disc/0.png shapes/val/square/0.png
echo
echo "Your own pictures: build/release/apps/tlrun --weights resnet18.h5 --data imgs/"
