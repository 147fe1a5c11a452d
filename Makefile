# SPDX-License-Identifier: GPL-3.0-or-later

SWIFT ?= swift
RELEASE = -c release --static-swift-stdlib --disable-local-rpath \
	-Xlinker -s -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro --product wgfence

.DEFAULT_GOAL := help
.PHONY: help setup build demo test soak proof lint bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what build, demo and test need (Debian packages; needs root if any is missing)
	@scripts/setup.sh

build: setup ## build the program: .build/release/wgfence
	$(SWIFT) build $(RELEASE)

demo: build ## show the promise on a site of network namespaces with real WireGuard (root; touches nothing of this host)
	@lab/demo.sh

test: build ## all Swift tests, then all lab tests with real packets (root)
	@scripts/setup.sh test
	@SWIFT="$(SWIFT)" scripts/test.sh

soak: setup ## send 100,000 real packets through random rulesets and compare with the walk (root)
	@SWIFT="$(SWIFT)" scripts/soak.sh

proof: build ## prove the shipped policies, mutate each of their rules, and time a policy of 1,000 machines (minutes)
	@SWIFT="$(SWIFT)" scripts/proof.sh

lint: ## check the formatting of the Swift sources, and the shell scripts where shellcheck is installed
	$(SWIFT) format lint --strict -r $(wildcard Sources Tests)
	@if command -v shellcheck >/dev/null; then shellcheck -x .ci/run lab/*.sh lab/cases/*.sh scripts/*.sh; fi

bench: build ## measure against the goals, side by side with the others (root)
	@scripts/bench.sh

clean: ## remove what was built
	rm -rf .build
