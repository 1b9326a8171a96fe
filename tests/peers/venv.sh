#!/usr/bin/env bash
# Makes, once, a virtual environment with PyTorch outside the repository and prints its python:
#
#   $(tests/peers/venv.sh) tests/peers/resnet_reference.py
#
# Where: $TL_PEERS_VENV, else ~/.cache/tlrun/peers-venv. A changed requirements.txt installs again.
# PyPI's torch for Linux links against the CUDA libraries even when it only uses the CPU, so pip
# takes them along (5.5 GB on disk).
set -euo pipefail

requirements="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/requirements.txt"
venv="${TL_PEERS_VENV:-$HOME/.cache/tlrun/peers-venv}"
installed="$venv/requirements.installed.txt"
python="$venv/bin/python"

mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9  # two callers at once: the second waits and finds it made

if ! cmp -s "$requirements" "$installed"; then
  {
    python3 -m venv "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    "$python" -c 'import torch, torchvision, numpy, h5py, PIL'
  } >&2
  cp "$requirements" "$installed"
fi
echo "$python"
