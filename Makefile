# clfsload: build, try, test. `make help` lists the targets.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GO          ?= go
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME    ?= 10s
BENCH       ?= .
# The black-box tests run real processes; this only catches a test that hangs.
TIMEOUT     ?= 45m
# -count=1: a cached result knows nothing of the binary that tests/ builds and runs.
# Packages run at the same time, one for each processor (-p). -parallel: those tests of a package that
# run beside others mostly wait.
TESTFLAGS   := -count=1 -parallel 8 -timeout $(TIMEOUT)

# The journal is SQLite, which is C.
export CGO_ENABLED := 1
# SQLite would plan each prepared query again for each execution, because the driver clears the
# values of the one before.
export CGO_CFLAGS += -O2 -g -DSQLITE_ENABLE_QPSG

.PHONY: build
build: ## build ./clfsload
	$(GO) build -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o clfsload ./cmd/clfsload

.PHONY: demo
demo: build ## load a real tree into a container under build/demo and show what came out
	scripts/demo

.PHONY: test-deps
test-deps: ## install what the tests need: Debian packages (as root) and Azurite under build/
	scripts/test-deps

# The black-box tests below tests/ need root, FUSE and Azurite. With -short, tests of other packages
# skip what needs root or Azurite.
.PHONY: check
check: format ## without root, FUSE and Azure: gofmt, go vet and the unit tests
	$(GO) vet ./...
	$(GO) test -short $$($(GO) list ./... | grep -vE '/tests/($(BLACKBOX))$$')

.PHONY: test
test: test-deps ## all tests
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

# One package at a time: some measure speed and memory.
.PHONY: test-large
test-large: test-deps ## the black-box tests of trees too large for every day
	$(GO) test -tags large $(TESTFLAGS) -timeout 150m -p 1 -run 'UsrShare|GoToolchain|300000|AMillionFiles|WhileTheContainerIsAway|FollowersOfAWriter|RandomRounds|AtTheSpeedOfTheLink|AtAnyRequestOfItsPublication|HugeSparseFileThatIsKilled' ./tests/...
	$(GO) test -tags large $(TESTFLAGS) -run 'LoadOfAHugeFile' ./sync/engine

# Under the race detector everything takes five times as long. So of the black-box
# tests only those run with it in which many goroutines are at work together.
TOGETHER := TestLoadKeepsTheGoldenTree|FilesOfAllTypes|ChangesWhileItIsRead|KeepsItsBandwidthLimit|KilledInAStorm|KilledAtAnyRequestInAStorm|RandomCallsDo|RsyncCopiesASourceTree|MoreThanStagingHolds|IsAwayForAWhile|ThoughItsContainerIsAway|WaitsForNewCredentials|FlushUploads|WithoutANameLiveOn|ALongFileIsUploaded|WhatFsyncAcknowledged|ShowsEveryAttribute|VerifyFindsWhatDiffers|FollowersOfAWriter|AnUpdatingLoadDecides|STATEOfALoadServesAMount

# The packages below tests/ that run the binary.
BLACKBOX := adopt|into|load|mount|project|publish|read|readonly|refuse|resume|rounds|service|write

.PHONY: race
race: test-deps ## the tests under the race detector, the tested binary too
	$(GO) test -race $(TESTFLAGS) $$($(GO) list ./... | grep -vE '/tests/($(BLACKBOX))$$')
	$(GO) test -race $(TESTFLAGS) -run '$(TOGETHER)' ./tests/...

.PHONY: format
format: # fail if a file is not formatted
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: lint
lint: format ## gofmt and golangci-lint (.golangci.yml), go vet and staticcheck among them
	$(GO) run $(GOLANGCI) run ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each (10s)
	FUZZTIME=$(FUZZTIME) GO=$(GO) scripts/fuzz

.PHONY: bench
bench: ## the benchmarks that match BENCH (all)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout $(TIMEOUT) ./...

.PHONY: clean
clean: ## remove what was built
	rm -rf clfsload build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
