#!/usr/bin/env bash
# The tests on the newest Python and JAX that there are: tests/latest.sh [arguments of pytest].
#
# Where $PYTHON (python3) is 3.12 or newer, in an environment of its own. Elsewhere, as root on
# Debian, in a Debian 13 with Python 3.13, which debootstrap makes once in outputs/.cache. Its
# mounts belong to a namespace of their own and end with it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
[ $# -gt 0 ] || set -- -n auto --dist worksteal -m "not peers and not adapters and not slurm and not ray and not browser and not loggers"

# run VENV PYTHON ARGUMENTS…: installs what is missing, and tests.
steps='set -e; venv=$1 python=$2; shift 2
  make --no-print-directory install VENV="$venv" PYTHON="$python"
  exec "$venv/bin/python" -m pytest "$@"'

if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
  exec bash -c "$steps" bash outputs/.cache/venv-latest "$python" "$@"
fi

if [ "$(id -u)" != 0 ] || [ ! -f /etc/debian_version ]; then
  echo "error: PYTHON=$python: takes Python 3.12 or newer; root on Debian needs none" >&2
  exit 2
fi

root=$PWD/outputs/.cache/debian13
if [ ! -f "$root/.made" ]; then
  command -v debootstrap >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends debootstrap; }
  # This machine's own mirror, of one-line or of deb822 sources.
  mirror=$({ grep -rhE '^(deb |URIs:)' /etc/apt/sources.list* || true; } |
    grep -oE '[a-z]+://[^ ]+/debian/?( |$)' | head -n 1 || true)
  rm -rf --one-file-system "$root"
  unshare --mount debootstrap --variant=minbase --include=python3,python3-venv,python3-dev,make,git,gcc,g++,procps \
    trixie "$root" $mirror
  mkdir "$root/research"
  touch "$root/.made"
fi
# This machine's own name, which gloo looks up, and how it reaches its package index.
cp /etc/hosts /etc/resolv.conf "$root/etc/"
cp -rT /etc/ssl/certs "$root/etc/ssl/certs"
if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/"; fi

export root steps
exec unshare --mount --propagation private bash -ec '
  mount --bind "$PWD" "$root/research"
  mount -t proc proc "$root/proc"
  for each in dev sys; do mount --rbind "/$each" "$root/$each"; done
  # A folder of wheels of this machine is not in the root.
  exec chroot "$root" env -u PIP_FIND_LINKS HOME=/root GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="*" \
    bash -c "cd /research; $steps" bash /venv python3 "$@"' bash "$@"
