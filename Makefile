# What people do with this project, each by one word. Works from a bare clone: whatever is missing gets installed or built,
# or the command that installs it is named.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help build test test-chart test-image test-cluster image image-archive test-crash soak lint deny generate demo up down kind-up kind-down bench clean

PROFILE ?= dev
# Most tests wait for a cluster most of the time: two for each processor.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
WITH := tests/control-plane/with
SCRIPTS := $(wildcard scripts/*) .ci/run tests/chart/build tests/chart/around tests/promtool/run tests/deny/run \
           $(filter-out %.yaml %.jq %.md %/etcd %/kubernetes %/dns %/stories,$(wildcard tests/control-plane/* tests/cluster/* tests/cluster/stories/* tests/image/*))

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the metawsm binary (PROFILE=release for the optimised one)
	@tests/control-plane/ensure-tools cargo cc
	cargo build --locked --profile $(PROFILE)

test: ## run all tests, the same that CI runs, on a real API server and a real Redis
	@tests/control-plane/ensure-tools
	cargo test --locked --features failpoints --no-run
	$(WITH) tests/chart/around cargo test --locked --features failpoints
	tests/watermill/run test
	tests/promtool/run
	METAWSM_TEST_IMAGE=auto tests/image/run
	METAWSM_TEST_CLUSTER=auto tests/cluster/run

test-image: ## the image packed without a registry: two builds, one digest; what is in it (METAWSM_TEST_FULL=1: from the mirror twice)
	tests/image/run

test-cluster: ## the chart and the image on a real node with real Pods: stories, restarts, upgrade, leaving
	tests/cluster/run

image: ## build the image with docker, podman or buildah, with its SBOM, into target/image/ (DOCMGR_VERSION, RUST_IMAGE, …)
	scripts/image

image-archive: ## pack the image as an OCI archive without a registry and without any of them (Linux, Debian's packages)
	scripts/image-archive target/image/metawsm.oci.tar

CHART := cargo test --locked --features failpoints --test

test-chart: ## the chart: lint, templates, refusals, dry runs; then the stories with exactly the rights that it gives
	@tests/control-plane/ensure-tools
	$(CHART) chart --test control_plane --no-run
	$(WITH) tests/chart/around bash -euc '$(CHART) chart; $(CHART) control_plane story_'

CRASH := --features failpoints --test control_plane
CRASH_PAIRS := $(if $(filter 1,$(METAWSM_TEST_FULL)),all,40)

test-crash: ## a story crashed, failed and delayed at every failpoint, then by pairs of crashes (METAWSM_TEST_FULL=1: all pairs)
	@tests/control-plane/ensure-tools
	cargo test --locked $(CRASH) --no-run
	METAWSM_SABOTAGES=all METAWSM_CRASH_SINGLES=$${METAWSM_CRASH_SINGLES:-all} METAWSM_CRASH_PAIRS=$${METAWSM_CRASH_PAIRS:-$(CRASH_PAIRS)} \
	  $(WITH) cargo test --locked $(CRASH) -- --nocapture crash_ sabotage_

soak: ## make, change and delete Runs, endpoints and questions at random while the controller is killed, for METAWSM_SOAK_SECONDS (120)
	@tests/control-plane/ensure-tools
	cargo test --locked $(CRASH) --no-run
	METAWSM_SOAK_SECONDS=$${METAWSM_SOAK_SECONDS:-120} $(WITH) cargo test --locked $(CRASH) -- --nocapture soak_

lint: ## formatting, clippy without warnings, shell and Go checks, CRDs and the metrics' reference as generated
	@tests/control-plane/ensure-tools cargo cc go git shellcheck
	cargo fmt --check
	cargo clippy --all-targets --all-features --locked -- -D warnings
	tests/watermill/run lint
	shellcheck $(SCRIPTS)
	@PATH=$$(tests/control-plane/ensure-tools path):$$PATH; unformatted=$$(gofmt -l tests/cluster/dns); \
	  [ -z "$$unformatted" ] || { echo "not formatted with gofmt: $$unformatted"; exit 1; }
	@fresh=$$(mktemp -d) && trap "rm -rf '$$fresh'" EXIT && echo "cargo run --locked -- crd --dir $$fresh" && \
	  cargo run --locked -- crd --dir "$$fresh/crds" && scripts/generate-chart "$$fresh" && \
	  cargo run --locked --quiet -- metrics-reference >"$$fresh/metrics.md" && { diff -ru crds "$$fresh/crds" && \
	  diff -ru charts/metawsm/files/crds "$$fresh/files/crds" && diff -ru charts/metawsm/files/roles "$$fresh/files/roles" && \
	  diff -ru charts/metawsm/files/admission "$$fresh/files/admission" && diff -u docs/metrics.md "$$fresh/metrics.md" || \
	  { echo "crds/, charts/metawsm/files/ or docs/metrics.md is not what the source generates: run 'make generate' and commit the result"; exit 1; }; }

deny: ## licences, banned crates and sources of all dependencies; known advisories where their database can be had
	tests/deny/run

generate: ## write crds/, docs/metrics.md and what the chart shows of other folders from the source
	cargo run --locked -- crd --dir crds
	cargo run --locked --quiet -- metrics-reference >docs/metrics.md.new && mv docs/metrics.md.new docs/metrics.md
	scripts/generate-chart charts/metawsm

demo: ## show everything on this machine, from nothing; stays up (DEMO_ONCE=1: check its own outcome and leave)
	scripts/demo

up: ## start control plane, Redis and controller in the background (.run/kubeconfig, .run/env)
	scripts/up

down: ## stop what 'up' and 'demo' started; their data stays in .run/
	scripts/down

kind-up: ## a kind cluster with the chart and sample Runs in it (needs Docker; .run/kind/kubeconfig)
	scripts/kind-up

kind-down: ## take away what 'kind-up' made
	scripts/kind-down

BUILT := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

bench: ## run the benchmarks, one file per question that has a number (BENCH=journal: that one)
	@tests/control-plane/ensure-tools
	cargo build --locked --release
	@# The benches' own build puts a metawsm of their profile in the same place.
	cp $(BUILT)/release/metawsm $(BUILT)/release/metawsm-measured
	cargo bench --locked --no-run $(if $(BENCH),--bench $(BENCH))
	METAWSM_BENCH_BINARY=$(BUILT)/release/metawsm-measured $(WITH) cargo bench --locked $(if $(BENCH),--bench $(BENCH))

clean: down ## stop everything and remove what was built in the clone
	cargo clean
	rm -rf .run
