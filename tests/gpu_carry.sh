#!/usr/bin/env bash
# Collects what a build with -DTL_IO=OFF needs besides a compiler, CMake and the CUDA toolkit: the
# headers and CMake packages of Highway, doctest, CLI11 and nlohmann-json, and Highway's library.
# The folder goes with the sources to a machine that has nothing installed and fetches nothing:
#   tests/gpu_carry.sh [DIR]                                # default: carried, which git ignores
#   cmake -B build/gpu -DTL_IO=OFF -DTL_CARRIED=DIR ...     # there; tests/gpu_check.sh does it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
to=${1:-carried}

packages=(libhwy-dev doctest-dev libcli11-dev nlohmann-json3-dev)
for package in "${packages[@]}"; do
  dpkg-query -W "$package" >/dev/null 2>&1 || {
    echo "gpu_carry: package $package is not installed" >&2
    exit 1
  }
done
# The shared library is a package of its own, its name ending in a version.
packages+=("$(dpkg-query -S "$(readlink -f "$(dpkg -L libhwy-dev | grep '/libhwy\.so$')")" |
  cut -d: -f1)")

rm -rf "$to"
mkdir -p "$to"
for package in "${packages[@]}"; do
  dpkg -L "$package" | grep -E '^/usr/(include|lib|share/cmake)/' |
    while read -r file; do
      [ -d "$file" ] && [ ! -L "$file" ] && continue
      mkdir -p "$to$(dirname "$file")"
      cp -P "$file" "$to$file"
    done
done

# A package that says where it is installed instead of where it lies.
grep -rlF 'set(_IMPORT_PREFIX "/usr")' "$to" | while read -r file; do
  up=$(dirname "${file#"$to"/usr/}" | sed 's#[^/]*#..#g')
  sed -i "s#set(_IMPORT_PREFIX \"/usr\")#get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_DIR}/$up\" ABSOLUTE)#" "$file"
done

bytes=$(du -sb "$to" | cut -f1)
[ "$bytes" -lt $((64 << 20)) ] || {
  echo "gpu_carry: $to holds $bytes bytes, more than 64 MiB" >&2
  exit 1
}
echo "$to: $(find "$to" -type f | wc -l) files, $((bytes >> 10)) KiB"
