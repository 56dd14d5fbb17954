#!/usr/bin/env bash
# What only a machine with an accelerator can tell: scripts/accelerator.sh tests|bench|tier|all [minutes] [OUT]
#
# tests  `pytest -m accelerator`, and with what time is left the tests of networks and evaluators on the card
# bench  scripts/benchmark.py against PyTorch on the same card, compiled and not, in TF32, bfloat16 and float32
# tier   experiment=a1 at full size: CIFAR-10, five ways to downsample, ten seeds. Whatever of it is done counts;
#        EARLIER=tier.tar.gz, from a call before, goes on with it, and PER_GPU=8 says how many runs share a card
# all    the three, each with a share of the minutes; one a call, ten minutes each, is better
#
# Needs no network and has never seen this project: Python with JAX for the card, flax, optax, orbax, and for the
# rest wheels (scripts/wheels.sh) in .whl or $WHEELS. They go to a temporary folder, and so does all else but OUT
# (outputs/accelerator): machine.txt, and for each part a log and an archive, renewed after each step and each half
# minute, so that a kill leaves what was done. CIFAR-10 for the tier is cifar10-jpeg.tar.xz, in the folder of the
# wheels, or $CIFAR10. JAX_PLATFORMS=cpu rehearses a little of each part on the CPU.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
part=${1:-} minutes=${2:-10} out=${3:-outputs/accelerator}
if [[ ! $part =~ ^(tests|bench|tier|all)$ || ! $minutes =~ ^[0-9]+$ || $# -gt 3 ]]; then
  echo "scripts/accelerator.sh $*: takes tests|bench|tier|all [whole minutes] [OUT]" >&2
  exit 2
fi
wheels=${WHEELS:-.whl} limit=$((60 * minutes)) failed=0 child='' packer=''
python=${PYTHON:-.venv/bin/python}
command -v "$python" > /dev/null || python=python3
work=$(mktemp -d)
mkdir -p "$out"

say() { echo "[$SECONDS s] $*" | tee -a "${log:-/dev/stderr}"; }

# Puts what a part has written so far into its archive, in place of the last one. Arrays behind rows stay out if
# they make it too large to carry home.
pack() {
  local new=$work/$now.$BASHPID.tar.gz without=(--exclude=checkpoints --exclude=lock --exclude=.cache)
  tar -czf "$new" "${without[@]}" -C "$work/$now" . 2> "$work/tar.txt" # files may grow meanwhile
  if (($(stat -c %s "$new") > 15 << 20)); then
    tar -czf "$new" "${without[@]}" --exclude='*.npz' -C "$work/$now" . 2> "$work/tar.txt"
  fi
  cp "$new" "$out/$now.tar.gz.new" && mv -f "$out/$now.tar.gz.new" "$out/$now.tar.gz"
  rm -f "$new"
}

finish() {
  trap '' TERM INT
  for process in $child $packer; do kill "$process" 2> /dev/null && wait "$process"; done
  if [ -n "${now:-}" ]; then pack; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT

# step NAME LEAST MOST COMMAND…: runs it for at most MOST seconds, if LEAST are left of the part's time.
step() {
  local name=$1 least=$2 most=$3 left=$((deadline - SECONDS - 8)) status=0
  shift 3
  if ((left < least)); then
    say "$name: skipped, takes $least s and $left are left"
    return
  fi
  ((left < most)) && most=$left
  say "$name: at most $most s: ${*//$'\n'*/ …}"
  timeout -s INT -k 15 "$most" "$@" < /dev/null > >(tee -a "$log") 2>&1 &
  child=$!
  wait "$child" || status=$?
  child=''
  case $status in
    0) say "$name: done" ;;
    124 | 137) say "$name: stopped after $most s; what it has written counts" ;;
    *) say "$name: failed with status $status" && failed=1 ;;
  esac
  pack
}

# begin NAME SECONDS: of a part, and when it must end.
begin() {
  now=$1 log=$out/$1.txt deadline=$2
  mkdir -p "$work/$now"
  cp "$out/machine.txt" "$log"
  if [ -n "$packer" ]; then kill "$packer"; fi
  (
    trap 'kill $! 2> /dev/null; exit' TERM
    while :; do
      sleep 30 &
      wait $!
      pack
    done
  ) > /dev/null 2>&1 &
  packer=$!
}

has() { "$python" -c "import importlib.util as i, sys; sys.exit(i.find_spec('$1') is None)"; }

tests() {
  local pytest=("$python" -m pytest -vv -p no:cacheprovider -p no:benchmark --tb=short --durations=15) chosen=(tests/accelerator)
  export ACCELERATOR_NOTES=$work/tests/notes.txt
  if has xdist; then pytest+=(-n "$((cores < 8 ? 1 : cores / 4))"); fi
  if [ "$backend" = cpu ]; then
    export ACCELERATOR_REHEARSAL=1
    chosen=(tests/accelerator/test_card_presets.py -k 'max_aps or decimate')
  fi
  step accelerator 20 600 "${pytest[@]}" -m accelerator --junitxml="$work/tests/accelerator.xml" "${chosen[@]}"
  [ "$backend" = cpu ] && return
  JAX_DEFAULT_MATMUL_PRECISION=highest step suite 60 600 "${pytest[@]}" --junitxml="$work/tests/suite.xml" \
    -m 'not accelerator and not peers and not adapters and not slurm and not ray and not browser and not loggers' \
    tests/nn tests/downsample tests/evals tests/models tests/training
}

# table NAME LEAST MOST WORDS…: a benchmark, its table in a folder of that name.
table() {
  step "$1" "$2" "$3" "$python" scripts/benchmark.py root="$work/bench" name="$1" "${@:4}"
}

bench() {
  local peers=(compile=default)
  has torch || peers=(peers=false)
  if [ "$backend" = cpu ]; then
    table step 20 600 step peers=false rounds=2 benchmarks.step.batch=4 '~benchmarks.step.cases.resnet20'
    return
  fi
  [ "$backend" = gpu ] || peers=(peers=false)
  local large=(benchmarks.downsample.batch=512 benchmarks.downsample.channels=64)
  table step 60 210 step rounds=5 benchmarks.step.batch=512 'arithmetic=[bfloat16,tf32,float32]' "${peers[@]}"
  table orbit 45 90 orbit rounds=5 'arithmetic=[tf32,float32]' "${peers[@]}"
  table downsample 60 210 downsample rounds=3 'arithmetic=[tf32]' "${large[@]}" "${peers[@]}"
  table downsample_bfloat16 60 210 downsample rounds=3 'arithmetic=[bfloat16]' "${large[@]}" "${peers[@]}"
}

# What `research/claims/a1.py` declares: rates tried first, then the arms, seeds outermost, so that a sweep that is cut
# short has whole seeds.
tier() {
  local archive=${CIFAR10:-$wheels/cifar10-jpeg.tar.xz}
  local sweep=(experiment=a1 scale=full hydra/launcher=local "hydra.launcher.per_gpu=${PER_GPU:-8}")
  if [ "$backend" = cpu ]; then
    sweep=(experiment=a1 scale=smoke downsample=max seed=0 'model.widths=[8,8,8]' train.epochs=2)
  elif [ ! -e "$archive" ]; then
    say "tier: no CIFAR-10: $archive is missing; CIFAR10=… says where it is" && failed=1
    return
  fi
  if [ -n "${EARLIER:-}" ]; then
    step earlier 5 60 tar -xzf "$EARLIER" -C "$work/tier"
  fi
  if [ "$backend" != cpu ]; then
    step unpack 30 60 "$python" -m tarfile -e "$archive" "$work/images"
    step prepare 45 240 "$python" scripts/prepare.py data=cifar10 data.dir="$work/data" data.manual_dir="$work/images"
  fi
  step sweep 20 "$((deadline - SECONDS - 25))" "$python" scripts/train.py "${sweep[@]}" root="$work/tier" \
    data.dir="$work/data"
  step summary 5 60 "$python" -c "$summary" "$work/tier"
}

read -r -d '' machine << 'PYTHON'
import jax
from research.benchmarks.report import machine
print(f"backend: {jax.default_backend()}")
for name, value in machine().items():
    print(f"{name}: {value}")
PYTHON

# Means over seeds of what the runs measured, and how fast the card trained them.
read -r -d '' summary << 'PYTHON'
import sys
from pathlib import Path
from research.runs import read_metrics, read_rows, read_runs
folder = Path(sys.argv[1])
runs = read_runs(folder)
arm = runs.set_index("path").config.map(lambda c: c["augment.shift"])
rows, metrics = read_rows(folder), read_metrics(folder)
if rows.empty:
    sys.exit("no run has ended: give the tier more minutes")
rows = rows[rows.measure.isin(["accuracy", "flip_rate"]) & rows.params.map(lambda params: params.get("max_shift", 4) == 4)]
kind = rows.params.map(lambda params: params.get("shift", ""))
rows = rows.assign(shift=rows.path.map(arm), what=(kind + " " + rows.measure).str.strip())
table = rows.pivot_table("value", ["downsample", "shift"], "what", ["mean", "std", "count"])
last = metrics[metrics.split == "train"].groupby("path").examples_per_second.last()
text = f"{len(runs)} runs\n\n{table.round(4).to_string()}\n\nimages a second in training, median of runs: {last.median():,.0f}\n"
(folder / "summary.txt").write_text(text)
print(text)
PYTHON

# Wheels first: what follows imports from them.
if compgen -G "$wheels/*.whl" > /dev/null; then
  "$python" -m pip install -q --no-index --no-deps --no-cache-dir --target "$work/site" "$wheels"/*.whl || exit
fi
export PYTHONPATH=$PWD:$work/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export XLA_PYTHON_CLIENT_PREALLOCATE=false JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR-$work/jax}
export TORCHINDUCTOR_CACHE_DIR=$work/inductor MPLCONFIGDIR=$work TMPDIR=$work
cores=$(nproc)
{
  date -u
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null
  echo "commit: ${COMMIT:-$(git rev-parse HEAD 2> /dev/null || echo "unknown; COMMIT=… names it")}"
  "$python" -c "$machine" || exit
} > "$out/machine.txt"
cat "$out/machine.txt"
backend=$(sed -n 's/^backend: *//p' "$out/machine.txt")
if [[ $backend = cpu && ${JAX_PLATFORMS:-} != cpu ]]; then
  echo "scripts/accelerator.sh $part: JAX finds no accelerator; JAX_PLATFORMS=cpu rehearses it on the CPU" >&2
  exit 2
fi
case $part in
  all)
    begin tests $((limit * 36 / 100)) && tests
    begin bench $((limit * 70 / 100)) && bench
    begin tier "$limit" && tier
    ;;
  *) begin "$part" "$limit" && "$part" ;;
esac
exit "$failed"
