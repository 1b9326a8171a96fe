# Sourced by apps/quickstart.sh and tests/run.sh: installs what the build needs from Debian's or
# Ubuntu's own packages, or says which are missing.
#   install_packages PACKAGE...

build_packages="g++ cmake ninja-build pkg-config libhwy-dev libhdf5-dev libjpeg-dev libwebp-dev zlib1g-dev libxxhash-dev libstb-dev libonnx-dev libprotobuf-dev protobuf-compiler libcli11-dev nlohmann-json3-dev doctest-dev"

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This script installs Debian packages; elsewhere, install the equivalents of: $*" >&2
    return 1
  fi
  local package missing="" as_root=""
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing packages, and no sudo to install them. As root: apt-get install$missing" >&2
      return 1
    fi
    as_root=sudo
  fi
  echo "Installing packages:$missing"
  # Word splitting is wanted: $missing is a list.
  # shellcheck disable=SC2086
  if ! { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; then
    echo "apt-get could not install:$missing. tlrun needs Debian 12 or Ubuntu 24.04, or newer." >&2
    return 1
  fi
}
