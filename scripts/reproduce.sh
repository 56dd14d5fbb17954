#!/usr/bin/env bash
# Runs every experiment and draws the report: scripts/reproduce.sh [smoke|cpu|full] [key=value …]
#
# smoke  minutes, every primary contrast on next to nothing            → outputs/smoke
# cpu    what outputs/reference/ comes from, a day on 2 cores          → outputs/cpu, packed
# full   as published, for accelerators                                → outputs/full
#
# What is done is skipped, what is not goes on: start it as often as needed, anywhere. The
# arms that decide any claim come first, seed by seed, the others after. Further words go to
# scripts/train.py: only=primary, seed=0,1,2, hydra/launcher=…. REPORT=only draws the report
# of what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
command -v "$python" > /dev/null || make install
scale=${1:-smoke}
shift || true
case $scale in
  smoke) runs=outputs/smoke out=outputs/smoke ;;
  cpu) runs=outputs/cpu out=outputs/reference ;;
  full) runs=outputs/full out=outputs/full ;;
  *)
    echo "scripts/reproduce.sh $scale: there are smoke, cpu, full" >&2
    exit 2
    ;;
esac
if [ "$scale" = smoke ]; then
  # Compiling is all the work there is: it is done as quickly as for the tests.
  export JAX_DISABLE_MOST_OPTIMIZATIONS=1
  XLA_FLAGS="${XLA_FLAGS:-} $(PYTHONPATH=tests "$python" -m compiled)"
  export XLA_FLAGS
  set -- only=primary seed=0 "$@"
elif [ -z "${REPORT:-}" ]; then
  if [ -e $out/store.json ]; then set -- "store=$out" "$@"; fi
  "$python" scripts/prepare.py data=mnist
  "$python" scripts/prepare.py data=cifar10
  "$python" scripts/prepare.py data=mnist data.name=fashion_mnist \
    data.manual_dir="${FASHION_MNIST:-/usr/share/datasets/fashion-mnist}" # Debian's dataset-fashion-mnist
fi
train() { "$python" scripts/train.py "experiment=$1" scale="$scale" "${@:2}"; }
if [ -z "${REPORT:-}" ]; then
  if [ "$scale" = smoke ]; then # side by side: these two have no arm in common
    # No function, whose shell alone a signal would reach.
    "$python" scripts/train.py experiment=c6,c3,b1,b2,b3,b4,b5,c9,c10 scale=smoke "$@" &
    aside=$!
    trap 'kill "$aside" 2> /dev/null || true' EXIT # a process in the background is deaf to Ctrl-C
    train c2,c1,c8,c4,b7,c7,b6 "$@"
    wait "$aside"
  else
    train c6,c3,b1,b2,b3,c2,c1,c9,c8,c4,b7,b5,c7,b4,c10,b6 "$@"
  fi
  # What the page explores: the first seed of some, where its checkpoint is at hand.
  for run in "$runs"/downsample=*,seed=0,setting="$scale".few; do
    if [ -d "$run/checkpoints" ] && [ ! -e "$run/eval/explorer.jsonl" ]; then
      printf '%s\0' "$run"
    fi
  done | xargs -0 -P 2 -I{} "$python" scripts/evaluate.py run_dir={} eval=explorer
fi
if [ "$scale" = cpu ] && [ -z "${REPORT:-}" ]; then # what is published is packed
  "$python" scripts/pack.py runs=$runs out=$out
fi
if [ "$scale" = cpu ]; then runs=$out; fi
"$python" scripts/report.py runs=$runs
