# One environment in .venv, pinned by constraints.txt: `make demo` installs what the demo needs, `make test` the rest.
# PYTHON: the newest supported one that runs and has venv. A .venv that is there keeps its own: `make clean` to change.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && \
  { echo $$python; break; }; done)
# An index with another build of PyTorch, as the one without CUDA (docs/install.md): make demo TORCH_INDEX=URL
TORCH_INDEX ?=
BIN := .venv/bin
DEMO_READY := .venv/.demo-ready
READY := .venv/.ready
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

# $(call install,EXTRA). opencv-python links libraries of a desktop, which servers lack; its headless build is the
# same cv2. Both hold the same files, so that one goes before the other comes.
define install
	$(PIP) install -c constraints.txt -e '.[$(1)]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	  $(PIP) uninstall --yes opencv-python opencv-python-headless && \
	  $(PIP) install -c constraints.txt opencv-python-headless && $(BIN)/python -c 'import cv2'; }
	@touch $@
endef

.PHONY: setup demo test lint format sbom audit clean

setup: $(READY)

$(DEMO_READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "facevae needs Python 3.11, 3.12 or 3.13 with its venv module (Debian, Ubuntu:" \
	  "apt install python3-venv). None is on the PATH; name one: make PYTHON=/path/to/python" >&2; exit 1; }
ifeq ($(TORCH_INDEX),)
	@test -x $(BIN)/python || test "$$(uname)" != Linux || command -v nvidia-smi >/dev/null || \
	  echo "PyTorch for Linux may come with CUDA, in all 3 GB to fetch; without it 0.5 GB: docs/install.md says how."
endif
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(if $(TORCH_INDEX),$(PIP) install -c constraints.txt --no-deps --index-url $(TORCH_INDEX) torch)
	$(call install,demo)

$(READY): $(DEMO_READY)
	$(call install,dev)

demo: $(DEMO_READY)
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
