# make demo, make test, make bench: each does all its own set-up on a bare clone.

VENV := .venv
BIN := $(VENV)/bin
FIND_PYTHON := for p in python3 python3.14 python3.13 python3.12; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; \
	then echo $$p; break; fi; done

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh sample_data/demo.sh

test: lint
	$(BIN)/pytest --numprocesses auto --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Options go in BENCH_ARGS: make bench BENCH_ARGS="--scale 0.1 --case 'npy/*'"
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build dist demo-output *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml
	@python=$$($(FIND_PYTHON)); if [ -z "$$python" ]; then \
		echo "concatsplit needs Python 3.12 or newer, and none was found:" >&2; \
		echo "install it, for example with 'pyenv install 3.13' or 'apt-get install python3.12-venv'" >&2; \
		exit 1; fi; \
	$$python -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m compileall -q cli concatsplit_core
	@touch $@

# mypy finds the folder cli/ under the name that it is installed as.
$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@mkdir -p $(VENV)/mypy && ln -sfn ../../cli $(VENV)/mypy/concatsplit_cli
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@
