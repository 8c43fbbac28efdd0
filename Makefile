# Everything a clone needs: `make demo`, `make test`. The environment is .venv; nothing outside this folder changes.

PYTHON  ?= python3
# The build of torch, installed first. On Linux PyPI's is the large one with CUDA; for the small one give pip the index of
# PyTorch's CPU wheels (their site names it): make demo TORCH="torch==2.13.0 --index-url …"
TORCH   ?= torch==2.13.0
# The Python of the client spark, in `make clients`.
PYTHON310 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python3.10) python3.10)
ARGS    ?=
# How many files of each format that are damaged at random `make fuzz` tries, and for how many seconds it follows coverage.
EXAMPLES ?= 10000
SECONDS_EACH ?= 60
# How long `make chaos` lets faults happen, and where it writes its figures.
MINUTES ?= 10
REPORT  ?= chaos.md
# How many tests run at a time: one more than there are cores, since tests wait for processes. Each file stays with one worker.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

VENV    := .venv
BIN     := $(VENV)/bin
CLIENTS := .clients
PIP     := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := wildsage algorithms containers local_runner scripts tests examples benchmarks

# Of pip's chatter, the step it is at, on one line.
STEPS   := while read -r step; do case $$step in Collecting*|Downloading*|Installing*|Successfully*) \
		printf '\r\033[K  %.100s' "$$step";; ERROR*|error*) printf '\n%s\n' "$$step";; esac; done; echo

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo test docs fuzz chaos mutants docker clients browser lint bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

demo: $(VENV)/demo.stamp ## Run the US-census segmentation end to end; plots go to demo-output (ARGS="--csv …")
	@$(BIN)/wildsage run --public-s3 --data demo-output/aws examples/census_segmentation.py $(ARGS)

test: $(VENV)/test.stamp ## Run all tests (ARGS="-k kmeans")
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

docs: $(VENV)/docs.stamp ## Build the documentation's site in build/site; a warning or a link that leads nowhere fails
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env --conf-dir docs/site . build/site $(ARGS)
	@echo "The site is build/site/index.html."

clients: $(CLIENTS)/sdk3.stamp $(CLIENTS)/awscli.stamp $(CLIENTS)/java.stamp $(CLIENTS)/spark.stamp $(CLIENTS)/xgboost17.stamp $(CLIENTS)/tensorflow.stamp $(CLIENTS)/huggingface.stamp $(CLIENTS)/ray.stamp ## Fetch other AWS clients, frameworks and nginx, whose tests skip without: 4 GB
	@scripts/nginx

browser: $(CLIENTS)/axe.stamp ## Let the console's tests in a browser run: Chromium, and axe-core, which judges accessibility
	@scripts/browser

fuzz: $(VENV)/fuzz.stamp ## Try damaged files of every format (EXAMPLES=1000000 SECONDS_EACH=60 ARGS="-k png")
	@$(BIN)/python -m pytest tests/fuzz/test_formats.py tests/fuzz/test_guided.py \
		--fuzz-examples $(EXAMPLES) --fuzz-seconds $(SECONDS_EACH) $(ARGS)

chaos: $(VENV)/test.stamp ## Kill, stall, fill and limit a server at work (MINUTES=10 REPORT=chaos.md)
	@$(BIN)/python -m pytest tests/chaos --chaos-minutes $(MINUTES) --chaos-report "$(REPORT)" $(ARGS)

mutants: $(VENV)/test.stamp ## Which changes of the code do its tests notice? (ARGS="local_runner/s3/listing.py" or ARGS=--changed)
	@$(BIN)/python -m scripts.mutants $(ARGS)

docker: $(VENV)/test.stamp ## Let the Docker tests run: an engine, its base image, an image of every algorithm
	@scripts/engine
	@$(BIN)/wildsage build --all

lint: $(VENV)/test.stamp ## Check style and types
	@$(BIN)/ruff check $(wildcard $(SOURCES))
	@$(BIN)/ruff format --check $(wildcard $(SOURCES))
	@$(BIN)/mypy

bench: $(VENV)/benchmark.stamp ## Run the benchmarks (ARGS="kmeans pca")
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove the environment, caches and the demo's plots
	rm -rf $(VENV) $(CLIENTS) build demo-output screenshots .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find $(wildcard $(SOURCES)) -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is set up once and again when the dependencies change.
$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing wildsage[$*] into $(VENV): some minutes the first time, most of it torch …"
	@set -o pipefail; $(PIP) install $(TORCH) | { $(STEPS); }
	@set -o pipefail; $(PIP) install --editable ".[$*]" | { $(STEPS); }
	@touch $@

# Clients that cannot live in one environment with SDK v2, nor with each other. The last is a jar for Java.
# aiobotocore stands first because it pins botocore: pip would otherwise try hundreds of versions below it, one by one.
$(CLIENTS)/sdk3.stamp: WANTED = "aiobotocore[boto3]>=3" "sagemaker>=3,<4" s3fs polars pytest
$(CLIENTS)/awscli.stamp: WANTED = awscli
# The library whose digits real jobs of the tags 1.x have.
$(CLIENTS)/xgboost17.stamp: WANTED = "xgboost==1.7.6" "pyarrow>=15" "scikit-learn>=1.5" "llvmlite>=0.45" "orjson>=3.8" \
	"platformdirs>=4" hypothesis pytest
# 0.3 GB to download, 1.6 GB on disk. What serves its models beside it comes from the project's environment.
$(CLIENTS)/tensorflow.stamp: WANTED = tensorflow-cpu
$(CLIENTS)/sdk3.stamp $(CLIENTS)/awscli.stamp $(CLIENTS)/xgboost17.stamp $(CLIENTS)/tensorflow.stamp: | $(BIN)/python
	@echo "Installing the client $(notdir $(basename $@)) …"
	@$(BIN)/python -m venv --clear $(basename $@)
	@set -o pipefail; $(basename $@)/bin/python -m pip --no-input install $(WANTED) | { $(STEPS); }
	@touch $@

# On top of the project's environment, which has torch: transformers, 0.2 GB; Ray, 0.3 GB in a minute.
$(CLIENTS)/huggingface.stamp: WANTED = transformers
$(CLIENTS)/ray.stamp: WANTED = "ray[train]"
$(CLIENTS)/huggingface.stamp $(CLIENTS)/ray.stamp: $(VENV)/test.stamp
	@echo "Installing the client $(notdir $(basename $@)) …"
	@$(BIN)/python -m venv --clear $(basename $@)
	@echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		>$$(echo $(basename $@)/lib/python3*/site-packages)/of_the_project.pth
	@set -o pipefail; $(basename $@)/bin/python -m pip --no-input install $(WANTED) | { $(STEPS); }
	@touch $@

# A script that the tests run in their browser.
$(CLIENTS)/axe.stamp:
	@if command -v npm >/dev/null; then \
		echo "Fetching axe-core …"; mkdir -p $(basename $@); \
		npm install --silent --no-audit --no-fund --prefix $(basename $@) axe-core@4 && touch $@; \
	else echo "axe-core comes from npm, which is not here: its tests will be skipped."; fi

$(CLIENTS)/java.stamp: | $(BIN)/python
	@echo "Fetching the AWS SDK for Java, as sagemaker_pyspark brings it …"
	@set -o pipefail; $(PIP) install --no-deps --upgrade --target $(basename $@) sagemaker_pyspark==1.4.5 | { $(STEPS); }
	@touch $@

# Spark 3.3.0, to which sagemaker_pyspark's jars belong, knows no newer Python. It finds sagemaker_pyspark in Java's folder.
$(CLIENTS)/spark.stamp: $(CLIENTS)/java.stamp
	@if $(PYTHON310) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then \
		echo "Installing the client spark: 0.4 GB …"; set -o pipefail; \
		$(PYTHON310) -m venv --clear $(basename $@) && \
		$(basename $@)/bin/python -m pip --no-input install setuptools wheel | { $(STEPS); } && \
		$(basename $@)/bin/python -m pip --no-input install --no-build-isolation pyspark==3.3.0 "numpy<2" | { $(STEPS); } && \
		echo "$(abspath $(CLIENTS)/java)" >$(basename $@)/lib/python3.10/site-packages/java.pth && touch $@; \
	else echo "The client spark needs Python 3.10, which is not here: its tests will be skipped. PYTHON310=… names one."; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Wildsage needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing)."; \
		echo "Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
