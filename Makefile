# SPDX-License-Identifier: GPL-3.0-or-later

SWIFT ?= swift
# With debug symbols, and without.
WHOLE = -c release --static-swift-stdlib --disable-local-rpath \
	-Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro -Xlinker -L.build/static --product wgfence
RELEASE = $(WHOLE) -Xlinker -s

.DEFAULT_GOAL := help
.PHONY: help setup build symbols install uninstall deb demo test quick fuzz sanitize soak proof boot-proof boots deb-proof ansible-proof ipset-proof site-proof kernels evidence flood random-events trials audit-proof lint bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what build, demo and test need (Debian packages; needs root if any is missing)
	@scripts/setup.sh

build: ## build the program: .build/release/wgfence
	@scripts/setup.sh build
	@scripts/static-libraries.sh "$(SWIFT)" .build/static
	$(SWIFT) build $(RELEASE)

symbols: ## the debug symbols of the program that `make build` made, in .build/symbols, for `make deb`; links it again (seconds)
	@scripts/symbols.sh .build/symbols $(SWIFT) build $(WHOLE)

PREFIX ?= /usr
export PREFIX DESTDIR
install: ## install the program that `make build` made, its units and manual pages (PREFIX, DESTDIR); starts nothing
	@scripts/install.sh install

uninstall: ## remove exactly what `make install` installed; says first how to take the rules out
	@scripts/install.sh uninstall

deb: ## make a Debian package of the program that `make build` made, in .build/deb, and one of its `make symbols`; installs nothing
	@scripts/deb.sh .build/deb

demo: build ## demonstrate wgfence on a site of network namespaces with real WireGuard (root; touches nothing of this host)
	@scripts/setup.sh
	@Tests/Lab/demo.sh

test: build ## all Swift tests, then all lab tests with real packets (root)
	@scripts/setup.sh test
	@SWIFT="$(SWIFT)" Tests/run.sh

quick: ## the Swift tests that need no root and no network namespaces, without the slow ones (under 30 s after a build)
	@scripts/setup.sh build
	@SWIFT="$(SWIFT)" Tests/quick.sh

fuzz: setup ## give random inputs to everything that reads bytes from outside (FUZZ_SECONDS each, 60; or FUZZ_INPUTS in all)
	@SWIFT="$(SWIFT)" Tests/Proof/fuzz.sh $(if $(FUZZ_INPUTS),inputs $(FUZZ_INPUTS),$(FUZZ_SECONDS))

FUZZ_SECONDS ?= 60

sanitize: setup ## the Swift tests under the address sanitizer, and those with threads under the thread sanitizer (root, an hour)
	@SWIFT="$(SWIFT)" Tests/Proof/sanitize.sh

soak: setup ## compare 100,000 real packets each through random tables and the rulesets in files with the walk, and the packets of 20,000 random hosts with the impact analysis (root)
	@SWIFT="$(SWIFT)" Tests/Stress/soak.sh

proof: build ## prove the shipped policies, mutate each of their rules, time a policy of 1,000 machines, and use the package under attack (minutes)
	@scripts/setup.sh
	@SWIFT="$(SWIFT)" Tests/Proof/proof.sh

boot-proof: build ## boot guests with kernel WireGuard under attack in an emulator, then cut their power at random moments, Linux 6.1 and 6.12 (root, half an hour)
	@scripts/setup.sh
	@Tests/Proof/boot-proof.sh
	@Tests/Proof/power.sh

boots: build ## boot a system container 40 times and count failures of the units, then the daemon in containers (root, minutes)
	@scripts/setup.sh
	@Tests/Proof/boots.sh $(BOOTS)

deb-proof: ## build the Debian package twice, check it, and install, upgrade and remove it in a container (root, minutes)
	@scripts/setup.sh
	@Tests/Proof/deb.sh
	@Tests/Proof/deb-booted.sh

ansible-proof: build ## run the Ansible role over SSH against a system container: check mode, first run, again, changes (root, minutes)
	@scripts/setup.sh
	@Tests/Proof/ansible.sh

ipset-proof: build ## compare the walk with packets through rules with sets of ipset, in guests with Linux 6.1 and 6.12 (root, minutes)
	@Tests/Proof/ipset.sh

site-proof: build ## a Docker Swarm over WireGuard, without wgfence and with it, in guests with Linux 6.1 and 6.12 (root, an hour for each)
	@Tests/Site/site.sh

kernels: build ## run the tests that depend on the kernel, and files of the lab, in guests with Linux 6.1 and 6.12 (root, an hour for each)
	@scripts/setup.sh
	$(SWIFT) build --build-tests
	@Tests/Proof/kernels.sh

evidence: build ## run what shows the claims of docs/evidence.md within an hour, and rewrite its table (root)
	@scripts/setup.sh test
	@rm -rf .build/evidence
	@SWIFT="$(SWIFT)" WGFENCE_TEST_LOGS=.build/evidence Tests/run.sh; status=$$?; Tests/evidence.py .build/evidence && exit $$status

flood: build ## 1,000 policy changes under a flood from three sides, and a daemon and an apply killed at 200 random moments (root, minutes)
	@scripts/setup.sh
	@Tests/Stress/flood.sh

random-events: build ## an hour of random events around the daemon: files, flushes, links, Docker, signals, hostile clients (root)
	@scripts/setup.sh test
	@Tests/Stress/random-events.sh

trials: build ## random requests around trials, panics and rollbacks, with a daemon that is killed at random moments, against a model (root, TRIALS_SECONDS, 1800)
	@scripts/setup.sh test
	@Tests/Stress/trials.sh $(TRIALS_SECONDS) --allow open-after-restart

TRIALS_SECONDS ?= 1800

audit-proof: build ## the audit against nmap: on the rulesets of Tests/Corpus, and with real servers, all ports from every side (root, minutes)
	@scripts/setup.sh test
	@SWIFT="$(SWIFT)" Tests/Proof/audit-proof.sh

lint: ## check everything that is checked without running it: modules, formats, shell scripts, manual pages, the package, schemas
	@scripts/setup.sh lint
	@SWIFT="$(SWIFT)" scripts/lint.sh

bench: build ## measure against the goals, side by side with the others (root)
	@scripts/setup.sh
	@Tests/Bench/bench.sh

clean: ## remove what was built
	rm -rf .build
