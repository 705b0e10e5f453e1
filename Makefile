# `make demo` shows what the project does, `make test` runs the quick tests. `make test-slow` runs the rest: long tests, and
# those that run the original Magenta. `make test-jax` runs the tests marked `jax` on the other backend.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
STEPS ?= 900

.PHONY: demo test test-slow test-jax fuzz lint types docs clean

# Two environments in one folder: the commands and training, and what the tests add to them.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

$(VENV)/.installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements.lock
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(INSTALL) -r requirements-dev.lock
	touch $@

demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/python -m patterns.convert --output_file=$(DEMO)/patterns.tfrecord --midi_dir=$(DEMO)/patterns
	$(BIN)/python train.py --config=hierdec-drum_4bar_small --run_dir=$(DEMO)/run \
	    --examples_path=$(DEMO)/patterns.tfrecord --num_steps=$(STEPS) --log_every=20 \
	    --hparams=batch_size=32,enc_rnn_size=[64],dec_rnn_size=[96],z_size=16
	$(BIN)/python sample.py --run_dir=$(DEMO)/run --num_outputs=4 --seed=1 --output_dir=$(DEMO)/your_model --png
	$(BIN)/python sample.py --num_outputs=8 --seed=8 --accents --output_dir=$(DEMO)/samples --png --gallery
	$(BIN)/python interpolate.py --num_outputs=8 --seed=8 --accents --output_dir=$(DEMO)/interpolation --png --gallery
	$(BIN)/python export.py --format=page --output=$(DEMO)/studio.html
	@echo "Open $(DEMO)/studio.html in a browser and press space, or drop the .mid files in $(DEMO)/samples into your DAW."

# Two processes; the tests of a file stay together, so that shared fixtures are made once. Most tests compile for much
# longer than they compute, so XLA is told to optimise little, which halves their time.
PYTEST := $(BIN)/python -m pytest -q -n 2
QUICK_COMPILER := XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
    --xla_cpu_use_fusion_emitters=false"
SAME_DIGITS := ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2

test: $(VENV)/.installed-dev
	$(QUICK_COMPILER) $(PYTEST) --dist loadfile -m "not slow and not reference"

# The tests of commands and models share few fixtures, so a process that has finished takes tests from the other. The
# experiments compute for minutes and need the full compiler; a GAN's training depends on the last digits, so every
# processor is limited to instructions that all of them have.
test-slow: $(VENV)/.installed-dev
	$(QUICK_COMPILER) $(PYTEST) --dist worksteal -m "slow or reference" tests/models tests/test_*.py
	$(SAME_DIGITS) $(PYTEST) --dist loadfile -m "slow or reference" --ignore=tests/models --ignore-glob="tests/test_*.py" tests

# Tests marked `jax`: the parts that every model is made of, one model of each family, and two configs against the
# original. JAX compiles each operation of a test separately, so running all of them would take far longer.
test-jax: $(VENV)/.installed-dev
	KERAS_BACKEND=jax $(QUICK_COMPILER) $(PYTEST) --dist worksteal -m "jax and not slow"

# 10,000 mutated MIDI files and 2,000 inputs of each other kind, on two processes; `make test` has a few hundred of each.
# For other inputs: make fuzz FUZZ_SEED=1000000.
FUZZ_INPUTS ?= 2000
FUZZ_SEED ?= 0
fuzz: $(VENV)/.installed-dev
	FUZZ_INPUTS=$(FUZZ_INPUTS) FUZZ_SEED=$(FUZZ_SEED) $(QUICK_COMPILER) $(PYTEST) --dist worksteal tests/fuzz -m "not slow"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

# The documentation as a site in build/docs. The pages are gathered with the folders that they have here, so that the links
# between them hold.
PAGES := build/pages
docs: $(VENV)/.installed-dev
	rm -rf $(PAGES)
	mkdir -p $(PAGES)/checkpoints $(PAGES)/patterns
	cp *.md *.ipynb LICENSE CITATION.cff mkdocs.yml $(PAGES)
	cp -R docs $(PAGES)/docs
	cp checkpoints/*.md checkpoints/*.png $(PAGES)/checkpoints
	cp patterns/README.md $(PAGES)/patterns
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	! grep -rnE '<(script|link|img|iframe|audio)[^>]* (src|href)="?https?:' --include='*.html' build/docs

clean:
	rm -rf $(DEMO) $(VENV) build
