#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Checks the modules of Sources: each imports only modules that it may (docs/architecture.md), none is too large, and the
# proof of a ruleset does not use the compiler that made it. Prints each violation and ends with status 1 if there is one.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
most_lines=6000
# The program only connects the command line to the modules.
most_program_lines=2000
status=0
complain() { echo "check-modules: $*" >&2; status=1; }

# What each module may import, beside the system's modules and FoundationEssentials.
values="NetworkModel PolicyLanguage Ruleset PacketWalk PacketSets"
questions="$values PolicyCompiler PolicyAnalysis PolicyProof PolicyDifference TemporaryGrants DropAnalysis HostAnalysis PolicyImport ImpactAnalysis OutboundAnalysis Reports"
declare -A may_import=(
  [NetworkModel]=""
  [PolicyLanguage]="NetworkModel CYaml"
  [Ruleset]="NetworkModel"
  [PacketWalk]="NetworkModel Ruleset"
  [PacketSets]="NetworkModel Ruleset PacketWalk"
  [RulesetOptimization]="NetworkModel Ruleset"
  [PolicyCompiler]="NetworkModel PolicyLanguage Ruleset RulesetOptimization"
  [PolicyAnalysis]="$values PolicyCompiler"
  [PolicyProof]="$values PolicyCompiler PolicyAnalysis"
  [PolicyDifference]="$values PolicyAnalysis"
  [TemporaryGrants]="NetworkModel PolicyLanguage Ruleset PolicyCompiler"
  [DropAnalysis]="$values PolicyCompiler PolicyAnalysis"
  [HostAnalysis]="$values PolicyCompiler PolicyAnalysis"
  [PolicyImport]="$values PolicyCompiler PolicyAnalysis HostAnalysis"
  [ImpactAnalysis]="$values PolicyCompiler PolicyAnalysis HostAnalysis"
  [OutboundAnalysis]="$values PolicyAnalysis HostAnalysis"
  [Reports]="$values PolicyCompiler PolicyAnalysis PolicyProof PolicyDifference TemporaryGrants DropAnalysis HostAnalysis PolicyImport ImpactAnalysis OutboundAnalysis"
  [Sodium]="CSodium"
  [Releases]="NetworkModel Sodium"
  [Netlink]="NetworkModel Ruleset PacketWalk CMnl CNftnl CSys"
  [LinuxHost]="NetworkModel Ruleset PacketWalk Netlink CSys"
  [Enforcement]="$values PolicyCompiler PolicyAnalysis TemporaryGrants Netlink"
  [PolicyFiles]="NetworkModel PolicyLanguage Enforcement"
  [ReleaseFiles]="NetworkModel Releases Netlink LinuxHost Enforcement"
  [DaemonService]="$questions Netlink LinuxHost Enforcement PolicyFiles Releases ReleaseFiles"
  [HostReports]="$questions Netlink LinuxHost Enforcement PolicyFiles DaemonService"
  [FleetCommands]="$questions Netlink Enforcement PolicyFiles Releases ReleaseFiles DaemonService ArgumentParser"
  [wgfence]="$questions Netlink LinuxHost Enforcement PolicyFiles ReleaseFiles DaemonService HostReports FleetCommands ArgumentParser"
)
# The specification that a proof compares a ruleset with, by file names in PolicyProof.
specification='Specification*.swift MachineSpecification.swift GrantedTraffic.swift'

for folder in Sources/*/; do
  module=$(basename "$folder")
  files=$(find "$folder" -name '*.swift')
  # Modules of C have no Swift files.
  [ -n "$files" ] || continue
  if [ -z "${may_import[$module]+set}" ]; then
    complain "$module is not in the table of this script: say what it may import"
    continue
  fi
  lines=$(find "$folder" -name '*.swift' -exec cat {} + | wc -l)
  most=$most_lines
  [ "$module" != wgfence ] || most=$most_program_lines
  [ "$lines" -le $most ] || complain "$module has $lines lines, more than $most: split it"
  while IFS=: read -r file line text; do
    imported=${text##* }
    case " ${may_import[$module]} Glibc FoundationEssentials " in
      *" $imported "*) ;;
      *) complain "$file:$line: $module may not import $imported" ;;
    esac
  done < <(grep -rnE '^ *(@[a-z]+ )*((public|package|internal|private) )?import ' "$folder" --include='*.swift')
done

for pattern in $specification; do
  for file in Sources/PolicyProof/$pattern; do
    [ -f "$file" ] || { complain "no file is called $file"; continue; }
    ! grep -nE 'import PolicyCompiler$' "$file" >&2 || complain "$file: the specification may not use the compiler"
  done
done
exit $status
