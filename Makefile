# The few verbs everybody needs. `make` lists them; the scripts which set things up are in compose/lab/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Outside the clone: a second clone finds what the first one fetched and built.
SPYHOP_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spyhop
CARGO_TARGET_DIR ?= $(SPYHOP_CACHE)/target
export SPYHOP_CACHE CARGO_TARGET_DIR

# Everything is built static, tests too: the same dependencies then serve the tests, the images and `make run`.
#  - an explicit target, even the machine's own: otherwise the flags would reach procedural macros, which cannot be static;
#  - getrandom looks its system call up at run time, which a static program cannot: the second flag names it at build time.
TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
export RUSTFLAGS := $(strip $(RUSTFLAGS) -C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom")
CARGO_FLAGS := --locked --target $(TARGET)
RELEASE := $(CARGO_TARGET_DIR)/$(TARGET)/release
DEBUG := $(CARGO_TARGET_DIR)/$(TARGET)/debug

# What `spyhop version` and spyhop_build_info say. Release builds only: tests would be rebuilt after each commit.
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
# A function is copied into its callers up to this cost (LLVM's own measure; 225 is usual at opt-level 2): a tenth less binary at the same
# rates (benches/README.md).
RELEASE_FLAGS := $(RUSTFLAGS) -C llvm-args=-inline-threshold=20
# The agent's code is built small, and what it is linked with as one program at level 2: so its loops and its dependencies' become vectors
# all the same (docs/decisions/0029-small-binary.md). A plain `cargo build --release` gives the same program, a tenth slower at logs.
RELEASE_CARGO := RUSTFLAGS='$(RELEASE_FLAGS)' SPYHOP_REVISION=$(REVISION) cargo
RELEASE_BUILD := $(RELEASE_CARGO) rustc --release $(CARGO_FLAGS) -p spyhop --bin spyhop -- -C opt-level=2 && \
	$(RELEASE_CARGO) build --release $(CARGO_FLAGS) -p spyhop-demo

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: run
run: cargo engine ## start the agent on this machine's containers; sets up a Docker Engine when none answers
	$(RELEASE_BUILD)
	@exec compose/lab/run.sh $(RELEASE)/spyhop

.PHONY: demo demo-down
demo: cargo engine compose ## start a few containers to look at, some of them in trouble
	$(RELEASE_BUILD)
	@compose/lab/image.sh $(RELEASE)/spyhop-demo spyhop-demo:latest
	@compose/lab/demo.sh up
demo-down: ## remove them
	@compose/lab/demo.sh down

NAME ?= motovault-k8s
.PHONY: system system-down
system: cargo engine compose ## start the stand-in of a reference system (NAME=motovault-k8s, FILES= for more of its files, see compose/systems/)
	$(RELEASE_BUILD)
	@compose/lab/image.sh $(RELEASE)/spyhop-demo spyhop-demo:lab
	@compose/lab/system.sh up $(NAME) $(FILES)
system-down: ## remove it
	@compose/lab/system.sh down $(NAME) $(FILES)

.PHONY: test
test: cargo lab ## set up the real parts, then run every test
	cargo build --workspace --bins $(CARGO_FLAGS)
	@compose/lab/image.sh $(DEBUG)/spyhop spyhop:test
	@compose/lab/image.sh $(DEBUG)/spyhop-demo spyhop-demo:test
	@compose/lab/deb.sh $(DEBUG)/spyhop $(CURDIR)/dist/test.deb
	SPYHOP_DEB=$(CURDIR)/dist/test.deb SPYHOP_PATIENCE=$${SPYHOP_PATIENCE:-3} \
	SPYHOP_REQUIRE_ENGINE=1 SPYHOP_BUSYBOX=$(SPYHOP_CACHE)/bin/busybox SPYHOP_PROMTOOL=$(SPYHOP_CACHE)/bin/promtool-2 \
	cargo test --workspace --no-fail-fast $(CARGO_FLAGS)

.PHONY: lint
lint: cargo ## check format, lints, scripts and dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(CARGO_FLAGS) -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x .ci/run compose/lab/*.sh; else echo 'lint: no shellcheck here, scripts not checked'; fi
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked --log-level error check bans licenses sources; \
	else echo 'lint: no cargo-deny here, dependencies not checked'; fi

.PHONY: bench
bench: cargo lab ## measure what the agent costs, against its budgets
	$(RELEASE_BUILD) -p spyhop-benches
	$(RELEASE)/spyhop-benches

.PHONY: soak
soak: cargo lab ## a day's worth of churn: does memory, do handles grow?
	$(RELEASE_BUILD) -p spyhop-benches
	$(RELEASE)/spyhop-benches --soak $(SOAK_FLAGS)

# What runs inside the second kernel: whatever reads kernel files of real containers, and the library's own tests beside them.
KERNEL_TESTS := host_real host_shapes_real agreement lifecycle limits oom networks health
.PHONY: kernel-v2
kernel-v2: cargo ## run the kernel tests on real cgroup v2 with the systemd driver, in a second kernel of the lab's own
	@compose/lab/busybox.sh
	$(RELEASE_BUILD)
	@tests="$$(cargo test --no-run $(CARGO_FLAGS) -p spyhop $(KERNEL_TESTS:%=--test %) 2>&1 | tee /dev/stderr | sed -n 's/.*Executable tests.* (\(.*\))/\1/p')"; \
	compose/lab/kernel.sh $(RELEASE)/spyhop $$tests

FUZZ_SECONDS ?= 20
.PHONY: fuzz
fuzz: cargo ## give each parser some time with a fuzzer (FUZZ_SECONDS each)
	@compose/lab/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

.PHONY: matrix
matrix: cargo lab ## run the behaviour tests on Docker 20.10, 26.1, 28.5 and Podman 4.3, 5.8
	SPYHOP_BUSYBOX=$(SPYHOP_CACHE)/bin/busybox CARGO_FLAGS="$(CARGO_FLAGS)" compose/lab/matrix.sh

.PHONY: boards
boards: lab ## of `make test` only this: ask every query of every dashboard of real Prometheus servers fed by a real agent
	SPYHOP_PATIENCE=$${SPYHOP_PATIENCE:-3} SPYHOP_REQUIRE_ENGINE=1 SPYHOP_BUSYBOX=$(SPYHOP_CACHE)/bin/busybox SPYHOP_PROMTOOL=$(SPYHOP_CACHE)/bin/promtool-2 \
	cargo test $(CARGO_FLAGS) -p spyhop --test boards -- --nocapture every_query_gives_data

.PHONY: pictures
pictures: cargo engine compose ## take the pictures of the page in docs/pictures, of an agent that looks at the demo for MINUTES (3)
	@compose/lab/browser.sh
	$(RELEASE_BUILD)
	@compose/lab/image.sh $(RELEASE)/spyhop-demo spyhop-demo:latest
	@compose/lab/demo.sh up >/dev/null
	SPYHOP_BIN=$(RELEASE)/spyhop SPYHOP_REQUIRE_ENGINE=1 cargo test $(CARGO_FLAGS) -p spyhop --test page_browser -- --ignored --nocapture pictures
	@compose/lab/demo.sh down

.PHONY: image
image: cargo engine ## build the image spyhop:latest from a program built here
	$(RELEASE_BUILD)
	@compose/lab/image.sh $(RELEASE)/spyhop spyhop:latest

.PHONY: deb dist
deb: cargo ## build a Debian package from a program built here
	$(RELEASE_BUILD)
	@compose/lab/deb.sh $(RELEASE)/spyhop $(CURDIR)/dist/spyhop.deb
dist: cargo ## build what a release publishes for this architecture: archive, package, bill of materials, checksums
	$(RELEASE_BUILD)
	@compose/lab/dist.sh $(RELEASE)/spyhop $(CURDIR)/dist/release

# What the above stand on. Each says something only when it has something to do.
.PHONY: lab cargo engine compose
lab: engine compose
	@compose/lab/prometheus.sh
	@compose/lab/alertmanager.sh
	@compose/lab/busybox.sh
	@compose/lab/services.sh
	@compose/lab/stack.sh
# Where an SDK cannot be had the tests which talk to it say so.
	@compose/lab/sdks.sh || true
	@compose/lab/browser.sh
cargo:
	@command -v cargo >/dev/null || { printf '%s\n' 'make: cargo is missing.' \
	'Install Rust 1.95 or newer with rustup (https://rustup.rs), then run this again.' >&2; exit 1; }
engine:
	@compose/lab/engine.sh
# Where no Compose can be had the tests which need it say so, and the demo does without.
compose: engine
	@compose/lab/compose.sh || true
