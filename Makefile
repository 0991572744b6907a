# make demo, make test, make check, make bench, make docs: each does all its own set-up on a bare clone.

VENV := .venv
BIN := $(VENV)/bin
MINIMUMS := .venv-minimums
FIND_PYTHON := for p in python3 python3.14 python3.13 python3.12; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; \
	then echo $$p; break; fi; done

PYTEST := pytest --numprocesses auto --dist worksteal

# Hundreds of processes that tests start load what is compiled, also where Python is told to keep nothing.
test check coverage test-deep test-minimums: export PYTHONDONTWRITEBYTECODE :=
COMPILE = -m compileall -q cli concatsplit_core

# What make check runs: what is quick, of every room, and no process that is waited for.
QUICK := tests/test_architecture.py tests/test_version.py tests/unit \
	tests/cli/test_join_commands.py tests/cli/test_split_commands.py

# pip says nothing but errors: its advice is not for whoever types make.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
PIP_INSTALL := -m pip install --quiet --quiet

.PHONY: demo test check lint coverage test-deep test-minimums test-loaders bench docs dist clean

demo: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh sample_data/demo.sh

test: lint
	@$(BIN)/python $(COMPILE)
	$(BIN)/$(PYTEST)

check: lint
	@$(BIN)/python $(COMPILE)
	$(BIN)/$(PYTEST) $(QUICK)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Subprocesses and forked children are measured as well, wherever they run.
coverage: export COVERAGE_FILE := $(CURDIR)/.coverage
coverage: $(VENV)/.dev
	$(BIN)/coverage erase
	@$(BIN)/python $(COMPILE)
	COVERAGE_CORE=sysmon $(BIN)/coverage run -m $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing

# Properties, fuzzed inputs and kills, with many more examples than make test, and other ones each time.
test-deep: $(VENV)/.dev
	@$(BIN)/python $(COMPILE)
	$(BIN)/$(PYTEST) -m "hypothesis or deep" --hypothesis-profile deep

# All tests with the oldest versions that pyproject.toml allows.
test-minimums: $(MINIMUMS)/.installed
	$(MINIMUMS)/bin/$(PYTEST)

# Views in the data loaders of PyTorch and Grain: the packages are large.
test-loaders: $(VENV)/.loaders
	$(BIN)/$(PYTEST) tests/views/test_loaders.py

# Options go in BENCH_ARGS: make bench BENCH_ARGS="--scale 0.1 --case 'npy/*'"
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# The site, in site/index.html; a warning is an error.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs site

# The packages of a release, and what is in them.
dist: $(VENV)/.dist
	rm -rf build dist
	$(BIN)/python -m build --quiet
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python .ci/contents.py dist

clean:
	rm -rf $(VENV) $(MINIMUMS) site build dist demo-output *.egg-info .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml
	@python=$$($(FIND_PYTHON)); if [ -z "$$python" ]; then \
		echo "concatsplit needs Python 3.12 or newer, and none was found:" >&2; \
		echo "install it, for example with 'pyenv install 3.13' or 'apt-get install python3.12-venv'" >&2; \
		exit 1; fi; \
	$$python -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --upgrade pip
	$(BIN)/python $(PIP_INSTALL) --editable .
	@$(BIN)/python -m compileall -q cli concatsplit_core
	@touch $@

# mypy finds the folder cli/ under the name that it is installed as.
$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) --group dev
	@mkdir -p $(VENV)/mypy && ln -sfn ../../cli $(VENV)/mypy/concatsplit_cli
	@touch $@

$(VENV)/.dist: $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) --group dist
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) --group bench
	@touch $@

$(VENV)/.loaders: $(VENV)/.dev
	$(BIN)/python $(PIP_INSTALL) --group loaders
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) --group docs
	@touch $@

$(MINIMUMS)/.installed: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m venv --clear $(MINIMUMS)
	$(BIN)/python .ci/minimums.py > $(MINIMUMS)/constraints.txt
	$(MINIMUMS)/bin/python $(PIP_INSTALL) --upgrade pip
	$(MINIMUMS)/bin/python $(PIP_INSTALL) \
		--constraint $(MINIMUMS)/constraints.txt --group dev --editable .
	@touch $@
