#!/usr/bin/env bash
# From a fresh clone to a trained classifier, without any download but packages: installs those,
# builds, and runs the demo, which draws its own pictures and carries its own pretrained weights.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=apps/install_packages.sh
source apps/install_packages.sh

# shellcheck disable=SC2086
install_packages $build_packages
echo "Building (5 to 10 minutes on two cores) ..."
cmake --preset release -DTL_TESTS=OFF -DTL_CUDA=OFF -DTL_SIMT=OFF >/dev/null
cmake --build --preset release -- --quiet

tlrun=build/release/apps/tlrun
echo
echo "\$ tlrun demo"
"$tlrun" demo
cat <<END

$tlrun --weights resnet18.pth --data imgs/   trains on your pictures (README.md: where weights come from)
$tlrun predict cat.jpg                       classifies with what was trained
END
