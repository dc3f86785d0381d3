# One environment in .venv, pinned by constraints.txt. `make demo` and `make test` set it up by themselves.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test lint format sbom audit clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@# opencv-python links libraries of a desktop, which servers lack; its headless build is the same cv2.
	$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	  $(BIN)/python -m pip uninstall --quiet --yes opencv-python && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt opencv-python-headless; }
	@touch $@

demo: setup
	$(BIN)/facevae demo --out demo

test: lint
	@# One single-threaded worker a core: two take 1.5 times as many training steps as one with two threads.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov=facevae --cov-report=term:skip-covered

lint: setup
	$(BIN)/ruff check src tests scripts
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix src tests scripts
	$(BIN)/ruff format src tests scripts

sbom: setup
	@# What this environment holds, in CycloneDX.
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type library --output-reproducible --of JSON -o sbom.cdx.json .venv

audit: setup
	@# Known vulnerabilities of what constraints.txt pins; it asks a database on the network.
	$(BIN)/pip-audit -r constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv demo
