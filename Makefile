# Two commands do everything: `make report` and `make test`. Each sets up what is missing and says what it is doing.

# a name, a package or a path; by default the newest kernel of the catalogue's defaults that can be had
KERNEL ?=
PYTHON ?= python3
BIN := .venv/bin

# in a recipe: $$kernel and $$report are what to measure and where its report goes
CHOOSE = kernel="$(KERNEL)"; kernel="$${kernel:-$$($(BIN)/btf-harness fetch --name)}" && \
	report="$(or $(REPORT),reports/$$(basename "$$kernel"))"

.PHONY: help setup report notebooks test test-long test-nojit test-bounds lint bench sample recorded growth kernels clang-kernel clean
help:
	@echo "make report [KERNEL=name or /path/to/vmlinux]   fetch, encode, measure, and write a report into reports/"
	@echo "make notebooks [KERNEL=...]                     run the notebooks into reports/notebooks/"
	@echo "make test                                       the tests (two minutes on two cores, no network)"
	@echo "make test-long                                  whole programs: notebooks, browser, signals"
	@echo "make test-nojit                                 the kernels' tests uncompiled, with their coverage"
	@echo "make test-bounds                                the kernels' tests compiled with bounds checks"
	@echo "make clang-kernel [LTO=thin]                    build a kernel with clang (half an hour on two cores)"
	@echo "make setup | lint | bench | kernels | sample | recorded | growth | clean"

setup: .venv/done

.venv/done: pyproject.toml
	@echo "setup: creating .venv with the package and its tools (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

report: setup
	@$(CHOOSE) && $(BIN)/btf-harness report "$$kernel" -o "$$report" --index --command "make report KERNEL=$$kernel"

# runs the notebooks into reports/notebooks/ as .ipynb and HTML; with recorded figures if the kernel is not here
notebooks: setup
	@KERNEL="$(KERNEL)" $(BIN)/python notebooks/execute.py

# a file's tests share what they build, so they stay together; the long files come first (tests/conftest.py)
# the tests start a hundred Pythons, each of which would compile the package again if none kept its bytecode
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: setup
	@$(PYTEST) -m 'not long'

# notebooks, browser, whole reports, signals: what takes seconds each
test-long: setup
	@$(PYTEST) -m long

# kernels as Python, where each line can be counted and no integer wraps unnoticed
test-nojit: setup
	@NUMBA_DISABLE_JIT=1 $(PYTEST) -m 'kernels and not large and not long' --cov --cov-report=
	@$(BIN)/python -m coverage report --include='harness/*/*_kernels.py'

# compiled code in which an index outside its array is an error; cached apart from the other
test-bounds: setup
	@NUMBA_BOUNDSCHECK=1 $(PYTEST) -m kernels

lint: setup
	@$(BIN)/ruff check harness tests notebooks
	@$(BIN)/python -m mypy

# a small kernel built by clang, which no distribution offers, from Debian's source into the cache; LTO=thin with ThinLTO
clang-kernel: setup
	@$(BIN)/btf-harness build $(if $(LTO),--lto $(LTO))

# real kernels: those of the catalogue, and what clang-kernel has built; encoded, checked, compared with their own .BTF
# where they ship one; two at a time
KERNELS ?= all
kernels: setup
	@BTF_HARNESS_KERNELS=$(KERNELS) $(BIN)/python -m pytest -n 2 --dist loadgroup tests/acceptance

# a warm `encode` of three encodings against one plain `pahole -J -j2`, in turn, in one run
bench: setup
	@$(CHOOSE) && $(BIN)/python -m tests.acceptance.bench "$$kernel"

# the small report that the README shows: text, CSV and PNG of the default kernel, without the long lists
sample: report
	@rm -rf reports/sample && mkdir -p reports/sample
	@$(CHOOSE) && cp "$$report"/report.md "$$report"/*.csv "$$report"/*.png reports/sample/ && \
	  $(BIN)/btf-harness mail "$$report" > reports/sample/mail.txt && \
	  $(BIN)/python -m harness.report.growth --keep data/recorded/growth.csv reports/sample/plot_growth.png > /dev/null

# makes data/recorded again: what the notebooks show where there is no kernel
recorded: setup
	@for k in debian-7.3-cloud-amd64 debian-6.12-cloud-amd64 debian-6.1-cloud-amd64; do $(MAKE) -s report KERNEL=$$k && \
	  $(BIN)/python -c "from harness.notebook import study; study.record('reports/$$k', 'data/recorded/$$k')" || exit 1; \
	done
	@$(BIN)/python -c "from harness.notebook import tiny; tiny.record('data/recorded/tiny')"

# measures every kernel in the cache again, for README's first table, which it prints, and the picture below it
growth: setup
	@$(BIN)/python -m harness.report.growth data/recorded/growth.csv reports/sample/plot_growth.png

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
