# Two commands from a bare clone: `make demo` and `make test`. Both install what they need.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-laws test-peers test-chaos test-slurm test-ray test-browser lint install clean

demo: $(READY)
	$(BIN)/python scripts/train.py -m experiment=demo
	$(BIN)/python scripts/report.py runs=outputs/demo

test: $(READY) lint
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not peers and not slurm and not ray and not browser"

test-laws: $(READY)
	LAWS=200 $(BIN)/python -m pytest -n auto -m laws

test-peers: $(READY)
	$(BIN)/pip install -q -c constraints.txt -e '.[test,peers]'
	$(BIN)/python -m pytest -m peers

test-chaos: $(READY)
	$(BIN)/python tests/jobs/chaos.py --jobs 40 --kills 60

test-slurm: $(READY)  # as root on Debian: installs slurm-wlm and munge where they are missing
	$(BIN)/pip install -q -c constraints.txt -e '.[test,slurm]'
	$(BIN)/python -m pytest -m slurm tests/jobs

test-ray: $(READY)
	$(BIN)/pip install -q -c constraints.txt -e '.[test,ray]'
	$(BIN)/python -m pytest -m ray tests/jobs

# The page in Debian's Chromium, which root installs where it is missing.
test-browser: $(READY)
	$(BIN)/pip install -q -c constraints.txt -e '.[test,browser]'
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; }
	$(BIN)/python -m pytest -m browser tests/report/page

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf .venv outputs/runs outputs/demo outputs/.cache
