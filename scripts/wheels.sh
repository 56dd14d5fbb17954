#!/usr/bin/env bash
# Collects wheels for a machine without a network: scripts/wheels.sh [FOLDER] [PYTHON] [MACHINE]
#
# Into FOLDER (wheels), for Python 3.12 on x86_64 unless said otherwise. The machine has an image
# with the packages of HAS and what those need; everything else that this project and its tests
# need goes along. Fails above LIMIT MiB (25). There:
#
#   pip install --no-deps --no-index FOLDER/*.whl
set -euo pipefail
to=${1:-wheels} python=${2:-3.12} machine=${3:-x86_64} limit=${LIMIT:-25}
HAS=${HAS-jax flax optax orbax-checkpoint torch pandas scikit-learn matplotlib pytest}
ALSO=${ALSO-cloudpickle}  # older releases of what HAS names do without these
WITHOUT=${WITHOUT-pyarrow ruff mypy}  # packing results and linting are done at home

refuse() { echo "error: $*" >&2; exit 2; }
[ $# -le 3 ] || refuse "wheels.sh takes FOLDER, PYTHON and MACHINE, not $# arguments"
[[ $python =~ ^3\.[0-9]+$ ]] || refuse "PYTHON=$python: takes a version such as 3.12"
case $machine in x86_64 | aarch64) ;; *) refuse "MACHINE=$machine: takes x86_64 or aarch64" ;; esac
[[ $limit =~ ^[0-9]+$ ]] || refuse "LIMIT=$limit: takes a number of MiB"
if [ -e "$to" ] && [ -n "$(ls -A "$to")" ]; then refuse "FOLDER=$to is not empty; takes a new one"; fi

here=$(cd "$(dirname "$0")/.." && pwd)
run=$here/.venv/bin/python
[ -x "$run" ] || make -C "$here" install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
constraints=$here/$("$run" "$here/scripts/install.py" --constraints)

# What this project needs, all of it, resolved on this Python; then what is missing there.
"$run" -m pip install -q --dry-run --ignore-installed --report "$work/report" -c "$constraints" "$here[test]"
"$run" "$here/scripts/missing.py" "$work/report" --has $HAS --also $ALSO --without $WITHOUT >"$work/missing"

platforms=()
for glibc in 17 24 27 28 31 34; do platforms+=(--platform "manylinux_2_${glibc}_$machine"); done
platforms+=(--platform "manylinux2014_$machine" --platform "manylinux1_$machine")
while read -r pin; do
  if "$run" -m pip download -q --no-deps --only-binary :all: --implementation cp \
    --python-version "$python" "${platforms[@]}" -d "$to" "$pin" 2>"$work/reason"; then continue; fi
  # Published as its source only: built here, and of use there if it is pure Python.
  "$run" -m pip wheel -q --no-deps -w "$work" "$pin" || { cat "$work/reason" >&2; exit 1; }
  mv "$work"/*-none-any.whl "$to" || refuse "$pin has no wheel for Python $python on $machine"
done <"$work/missing"

size=$(du -sk "$to" | cut -f1)
echo "$to: $(ls "$to" | wc -l) wheels, $((size / 1024)) MiB"
[ "$size" -le $((limit * 1024)) ] || refuse "$to is larger than LIMIT=$limit MiB; leave out more by WITHOUT"
