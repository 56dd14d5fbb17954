#!/usr/bin/env bash
# The tests on the newest Python and JAX that there are: tests/latest.sh [arguments of pytest].
#
# Where $PYTHON (python3) is 3.12 or newer, in a virtual environment of its own. Elsewhere, as
# root on Debian, in a Debian 13 with Python 3.13, which debootstrap makes in a folder once.
# Its mounts belong to a namespace of their own and end with it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
cache=$PWD/outputs/.cache
chosen=(-n auto --dist worksteal -m "not peers and not slurm and not ray and not browser")
[ $# -gt 0 ] && chosen=("$@")

install='python3 -m venv "$at" && "$at/bin/pip" install -q -c constraints-latest.txt -e ".[test]"'
is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; }

if is_new "$python"; then
  at=$cache/venv-latest
  [ -f "$at/.ready" ] && [ "$at/.ready" -nt constraints-latest.txt ] || { at=$at bash -ec "${install/python3/$python}" && touch "$at/.ready"; }
  exec "$at/bin/python" -m pytest "${chosen[@]}"
fi

[ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] || {
  echo "tests/latest.sh: python3 is older than 3.12; give PYTHON=python3.13, or run it as root on Debian" >&2
  exit 2
}
root=$cache/debian13
if [ ! -f "$root/.made" ]; then
  command -v debootstrap >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends debootstrap; }
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/? ' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | head -1 || true)
  mirror=${mirror:-$(grep -rhE '^URIs:' /etc/apt/sources.list.d/ | head -1 | cut -d' ' -f2)}
  rm -rf "$root"
  debootstrap --variant=minbase --include=python3,python3-venv,python3-dev,make,git,gcc,g++,procps trixie "$root" "$mirror"
  touch "$root/.made"
fi
mkdir -p "$root/research"
cp /etc/resolv.conf "$root/etc/"
cp -rT /etc/ssl/certs "$root/etc/ssl/certs"
[ -f /etc/pip.conf ] && cp /etc/pip.conf "$root/etc/"  # how this machine reaches its registry

export install chosen_words="$(printf '%q ' "${chosen[@]}")" root
unshare --mount --propagation private bash -ec '
  mount --bind "$PWD" "$root/research"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  chroot "$root" /usr/bin/env at=/venv HOME=/root GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="*" bash -ec "
    cd /research
    [ /venv/.ready -nt constraints-latest.txt ] || { $install && touch /venv/.ready; }
    /venv/bin/python -m pytest $chosen_words"'
