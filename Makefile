# SPDX-License-Identifier: GPL-3.0-or-later

SWIFT ?= swift
RELEASE = -c release --static-swift-stdlib --disable-local-rpath \
	-Xlinker -s -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro -Xlinker -L.build/static --product wgfence

.DEFAULT_GOAL := help
.PHONY: help setup build install demo test quick fuzz sanitize soak proof boot-proof boots flood random-events audit-proof lint bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what build, demo and test need (Debian packages; needs root if any is missing)
	@scripts/setup.sh

build: setup ## build the program: .build/release/wgfence
	@scripts/static-libraries.sh "$(SWIFT)" .build/static
	$(SWIFT) build $(RELEASE)

PREFIX ?= /usr
install: build ## install the program and its units (PREFIX, DESTDIR); starts nothing
	install -D -m 755 .build/release/wgfence $(DESTDIR)$(PREFIX)/sbin/wgfence
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in wgfence-boot wgfence; do \
	  sed 's|/usr/sbin/wgfence|$(PREFIX)/sbin/wgfence|' systemd/$$unit.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service; \
	  chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service; \
	done
	install -D -m 644 systemd/wgfence.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/wgfence.conf
	install -D -m 644 systemd/wgfence.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/wgfence.conf
	install -D -m 644 systemd/wgfence.modules $(DESTDIR)$(PREFIX)/lib/modules-load.d/wgfence.conf
	install -D -m 644 systemd/wgfence.sysctl $(DESTDIR)$(PREFIX)/lib/sysctl.d/60-wgfence.conf
	@echo "Nothing was started. Next: write /etc/wgfence/policy.yaml, wgfence check, systemd-sysusers,"
	@echo "wgfence apply --host, then systemctl enable --now wgfence-boot wgfence (docs/security.md)."

demo: build ## demonstrate wgfence on a site of network namespaces with real WireGuard (root; touches nothing of this host)
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

sanitize: setup ## all Swift tests under the address and the thread sanitizer (root, minutes)
	@SWIFT="$(SWIFT)" Tests/Proof/sanitize.sh

soak: setup ## compare 100,000 real packets each through random tables and the rulesets in files with the walk, and the packets of 20,000 random hosts with the impact analysis (root)
	@SWIFT="$(SWIFT)" Tests/Stress/soak.sh

proof: build ## prove the shipped policies, mutate each of their rules, and time a policy of 1,000 machines (minutes)
	@SWIFT="$(SWIFT)" Tests/Proof/proof.sh

boot-proof: build ## boot guests with kernel WireGuard under attack in an emulator, Linux 6.1 and 6.12 (root, minutes)
	@Tests/Proof/boot-proof.sh

boots: build ## boot a system container 40 times and count failures of the units, then the daemon in containers (root, minutes)
	@Tests/Proof/boots.sh $(BOOTS)

flood: build ## 1,000 policy changes under a flood from three sides, and a daemon and an apply killed at 200 random moments (root, minutes)
	@Tests/Stress/flood.sh

random-events: build ## an hour of random events around the daemon: files, flushes, links, Docker, signals, hostile clients (root)
	@scripts/setup.sh test
	@Tests/Stress/random-events.sh

audit-proof: build ## the audit against nmap: on the rulesets of Tests/Corpus, and with real servers, all ports from every side (root, minutes)
	@scripts/setup.sh test
	@SWIFT="$(SWIFT)" Tests/Proof/audit-proof.sh

lint: ## check the modules' imports and sizes, the formatting of the Swift sources, and the shell scripts where shellcheck is installed
	@scripts/check-modules.sh
	$(SWIFT) format lint --strict -r $(wildcard Sources Tests)
	@if command -v shellcheck >/dev/null; then shellcheck -x .ci/run Tests/Lab/*.sh Tests/Lab/cases/*.sh Tests/*.sh Tests/Stress/*.sh Tests/Bench/*.sh Tests/Proof/*.sh Tests/Review/*.sh scripts/*.sh; fi

bench: build ## measure against the goals, side by side with the others (root)
	@Tests/Bench/bench.sh

clean: ## remove what was built
	rm -rf .build
