#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Swift tests that need no root and no network namespaces, without the slow ones: seconds after a build. What is left out
# is printed. `make test` runs everything.

set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}

targets="NetworkModelTests|PolicyLanguageTests|RulesetTests|PacketWalkTests|PacketSetsTests|PolicyAnalysisTests|DropAnalysisTests|HostAnalysisTests|ImpactAnalysisTests|OutboundAnalysisTests|PolicyImportTests"
targets+="|ReportsTests|EnforcementTests|ReleasesTests"
# Suites that take more than 5 s each in a debug build.
slow="MutationTests|WholeTestsTests|RandomProofTests|ProofTests|SpaceWalkTests|ManyPeersTests|HostileInputTests|ListLimitTests"
slow+="|PolicySchemaTests|FailingTestGoldenTests|SiteDifferenceTests"
slow+="|PortClassesWalkTests|RandomWalkTests|SameInterfaceTests|FirstPolicyHostTests|GrantAdvicePropertyTests|RandomImportTests|CrossingTestsTests|SSHSignatureTests"

"$swift" build --build-tests
echo "skip the slow suites ($slow), and the targets that need root or a kernel: make test runs them"
exec "$swift" test --skip-build --filter "^($targets)\\." --skip "\\.($slow)/"
