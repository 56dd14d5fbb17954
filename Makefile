# Two commands from a bare clone: `make demo` and `make test`. Both install what they need.
# PYTHON: what the environment is made from; EXTRAS: `make install EXTRAS=cuda,slurm`;
# CONSTRAINTS: a file of versions; left out, the one for this Python (scripts/install.py).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OURS := research scripts tests docs # what lint reads: not what users write beside it
export CONSTRAINTS
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NOTEBOOKS

.PHONY: demo test test-slow test-laws test-fuzz test-peers test-adapters test-chaos test-slurm test-ray test-browser test-loggers test-latest docs lint install clean

demo: $(READY)
	$(BIN)/python scripts/train.py -m experiment=demo
	$(BIN)/python scripts/report.py runs=outputs/demo
	@printf '\n%s\n' 'Look at outputs/demo/page.html. Then:'
	@printf '  %s\n' \
	  "$(BIN)/python scripts/train.py -m downsample=max,blur,aps 'seed=range(3)' train.epochs=8 name=mine" \
	  "$(BIN)/python scripts/evaluate.py run_dir='outputs/mine/*' eval=fragile" \
	  "$(BIN)/python scripts/report.py runs=outputs/mine"

# Of all tests, those for which a bare machine will do.
HERE := not peers and not adapters and not slurm and not ray and not browser and not loggers

# All but those that prove their point with long real runs: those are `make test-slow`.
test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and $(HERE)"
	$(MAKE) --no-print-directory lint

test-slow: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "slow and $(HERE)"

test-laws: $(READY)
	LAWS=200 $(BIN)/python -m pytest -n auto -m laws

# New cases of bad input, MINUTES for each kind.
test-fuzz: $(READY)
	MINUTES=$(or $(MINUTES),15) $(BIN)/python -m pytest -n auto tests/fuzz

test-peers: $(READY)
	$(BIN)/python scripts/install.py peers
	$(BIN)/python -m pytest -m peers

test-adapters: $(READY)
	$(BIN)/python scripts/install.py torch,hf,onnx
	$(BIN)/python -m pytest -m adapters

test-chaos: $(READY)
	$(BIN)/python tests/jobs/chaos.py --jobs 40 --kills 60

test-slurm: $(READY)  # as root on Debian: installs slurm-wlm and munge where they are missing
	$(BIN)/python scripts/install.py slurm
	$(BIN)/python -m pytest -m slurm tests/jobs

test-ray: $(READY)
	$(BIN)/python scripts/install.py ray
	$(BIN)/python -m pytest -m ray tests/jobs

# The page in Debian's Chromium, which root installs where it is missing.
test-browser: $(READY)
	$(BIN)/python scripts/install.py browser
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; }
	$(BIN)/python -m pytest -m browser tests/report/page

# Each logger with its package. Trackio takes Pillow below 13, and so not the versions of all others.
test-loggers: $(READY)
	$(BIN)/python scripts/install.py tensorboard,wandb,mlflow
	$(BIN)/pip install -q -e '.[trackio]'
	$(BIN)/python -m pytest -m loggers tests/loggers

# Pages in outputs/docs/index.html, from docs/, notebooks/, which it runs, and docstrings;
# a warning is an error. `make docs NOTEBOOKS=off` runs no notebook.
docs: $(READY)
	$(BIN)/python scripts/install.py docs
	$(BIN)/python -m sphinx -q -W --keep-going -c docs . outputs/docs

# The newest Python and JAX, in a Debian of their own where this machine's Python is older.
test-latest:
	PYTHON=$(PYTHON) tests/latest.sh

lint: $(READY)
	$(BIN)/ruff check $(OURS)
	$(BIN)/ruff format --check $(OURS)
	$(BIN)/mypy

install: $(READY)
	$(if $(EXTRAS),$(BIN)/python scripts/install.py $(EXTRAS))

$(READY): pyproject.toml constraints.txt constraints-latest.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python scripts/install.py test
	touch $@

clean:
	rm -rf $(VENV) outputs/demo outputs/.cache
