# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `wgfence diff REV:path` in a repository whose configuration names commands: none of them runs. Each way is first tried
# with git itself, which shows that the command would run where git does so.

policy git <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
YAML
plain() { env -i PATH="$PATH" HOME="$LAB" GIT_CONFIG_NOSYSTEM=1 git "$@"; }

# repository NAME: a repository with the policy in its first commit, in $LAB/NAME.
repository() {
  rm -rf "${LAB:?}/$1" "$LAB/marker"
  plain init -q "$LAB/$1"
  plain -C "$LAB/$1" config user.name lab
  plain -C "$LAB/$1" config user.email lab@example.com
  cp "$LAB/git.yaml" "$LAB/$1/p.yaml"
  plain -C "$LAB/$1" add p.yaml
  plain -C "$LAB/$1" commit -qm one
}
# partial NAME KEY=VALUE…: the same as a partial clone whose policy is missing, so that git fetches it from its remote.
partial() {
  local name=$1 blob setting
  shift
  repository "$name"
  blob=$(plain -C "$LAB/$name" rev-parse HEAD:p.yaml)
  rm -f "$LAB/$name/.git/objects/${blob:0:2}/${blob:2}"
  for setting in core.repositoryformatversion=1 extensions.partialClone=origin remote.origin.promisor=true \
    remote.origin.fetch=+refs/heads/*:refs/remotes/origin/* "$@"; do
    plain -C "$LAB/$name" config "${setting%%=*}" "${setting#*=}"
  done
}
# ran COMMAND…: whether the command of the configuration ran meanwhile.
ran() {
  rm -f "$LAB/marker"
  "$@" >"$LAB/git.out" 2>"$LAB/git.err" </dev/null
  [ -e "$LAB/marker" ] && echo ran || echo nothing
}
# within NAME COMMAND…: in a repository.
within() { (cd "$LAB/$1" && shift && "$@"); }
ours() { within "$1" "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml"; }
# harmless NAME WHAT EXPECTED COMMAND…: git itself does what is EXPECTED with COMMAND; the program runs nothing.
harmless() {
  local name=$1 what=$2 expected=$3
  shift 3
  verdict "$what: git itself" "$expected" "$(ran within "$name" "$@")"
  verdict "$what: diff REV:path" nothing "$(ran ours "$name")"
}
mark="touch $LAB/marker"
printf '#!/bin/sh\n%s\n' "$mark" >"$LAB/command"
chmod 755 "$LAB/command"
read_blob=(plain cat-file blob HEAD:p.yaml)

repository good
verdict "a repository of one's own is read" 0 "$(ours good >/dev/null 2>&1; echo $?)"
mkdir "$LAB/good/sub"
verdict "from a folder in it, too" 0 "$(cd "$LAB/good/sub" && "$WGFENCE" diff HEAD:p.yaml HEAD:./../p.yaml >/dev/null 2>&1; echo $?)"
plain -C "$LAB/good" worktree add -q "$LAB/tree"
verdict "and from a work tree beside it" 0 "$(ours tree >/dev/null 2>&1; echo $?)"

partial ext protocol.ext.allow=always "remote.origin.url=ext::$LAB/command"
harmless ext "a remote that is a command" ran "${read_blob[@]}"
partial upload "remote.origin.url=$LAB/good" "remote.origin.uploadpack=$mark;git-upload-pack"
harmless upload "the program of a local remote" ran "${read_blob[@]}"
partial ssh remote.origin.url=ssh://192.0.2.1/x "core.sshCommand=$mark;false"
harmless ssh "core.sshCommand" ran "${read_blob[@]}"
partial proxy remote.origin.url=git://192.0.2.1/x "core.gitProxy=$LAB/command"
harmless proxy "core.gitProxy" ran "${read_blob[@]}"
printf '#!/bin/sh\n%s\n' "$mark" >"$LAB/git-remote-hostile"
chmod 755 "$LAB/git-remote-hostile"
partial helper remote.origin.url=hostile::x protocol.hostile.allow=always
harmless helper "a remote helper in PATH" ran env PATH="$LAB:$PATH" git cat-file blob HEAD:p.yaml
verdict "a remote helper in PATH, in the program's too" nothing \
  "$(ran within helper env PATH="$LAB:$PATH" "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml")"
partial included remote.origin.url=x
printf '[remote "origin"]\n\turl = ext::%s\n[protocol "ext"]\n\tallow = always\n' "$LAB/command" >"$LAB/included.config"
plain -C "$LAB/included" config --unset remote.origin.url
plain -C "$LAB/included" config "includeIf.gitdir:$LAB/included/.path" "$LAB/included.config"
harmless included "includeIf" ran "${read_blob[@]}"

repository monitor
plain -C "$LAB/monitor" config core.fsmonitor "$LAB/command"
harmless monitor "core.fsmonitor" ran plain status
repository hooks
mkdir "$LAB/hooks/hooks"
for hook in post-checkout post-index-change reference-transaction pre-commit; do cp "$LAB/command" "$LAB/hooks/hooks/$hook"; done
plain -C "$LAB/hooks" config core.hooksPath hooks
harmless hooks "core.hooksPath" ran plain commit --allow-empty -qm two
repository filters
printf 'p.yaml filter=f diff=d\n' >"$LAB/filters/.gitattributes"
plain -C "$LAB/filters" config filter.f.smudge "$LAB/command"
plain -C "$LAB/filters" config diff.d.textconv "$LAB/command"
plain -C "$LAB/filters" config diff.external "$LAB/command"
harmless filters "filter" ran plain cat-file --filters HEAD:p.yaml
harmless filters "textconv" ran plain cat-file --textconv HEAD:p.yaml
repository pager
plain -C "$LAB/pager" config core.pager "$LAB/command"
plain -C "$LAB/pager" config pager.cat-file "$LAB/command"
plain -C "$LAB/pager" config alias.cat-file "!$LAB/command"
harmless pager "a pager and an alias" nothing "${read_blob[@]}"

# Variables of the caller's, as sudo -E or a build system leaves them.
verdict "a transport's command in the environment does not run" nothing \
  "$(ran within ssh env GIT_SSH_COMMAND="$mark" GIT_ALLOW_PROTOCOL=ssh "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml")"
verdict "nor does a setting in the environment" nothing \
  "$(ran within proxy env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.gitProxy GIT_CONFIG_VALUE_0="$LAB/command" \
    "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml")"
verdict "nor is another repository taken from there" 0 \
  "$(within good env GIT_DIR="$LAB/ext/.git" GIT_OBJECT_DIRECTORY=/nonexistent "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml" \
    >/dev/null 2>&1; echo $?)"
cp "$LAB/command" "$LAB/good/git"
verdict "nor a git from the folder itself" nothing "$(ran within good env PATH=".::$PATH" "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml")"
rm "$LAB/good/git"

# A replaced object is not what the commit has.
repository replaced
other=$(printf 'something else\n' | plain -C "$LAB/replaced" hash-object -w --stdin)
plain -C "$LAB/replaced" replace "$(plain -C "$LAB/replaced" rev-parse HEAD:p.yaml)" "$other"
verdict "a replaced object is read as the commit has it" 0 "$(ours replaced >/dev/null 2>&1; echo $?)"

# Another user's repository.
repository foreign
chown -R 65534 "$LAB/foreign"
verdict "root does not read another user's repository" 1 "$(ours foreign >"$LAB/git.out" 2>&1; echo $?)"
verdict "and says what to do" yes "$(grep -c 'belongs to user 65534.*git show HEAD:p.yaml > FILE' "$LAB/git.out" | sed 's/1/yes/')"
verdict "not even where sudo says that it is the caller's" 1 \
  "$(within foreign env SUDO_UID=65534 "$WGFENCE" diff HEAD:p.yaml "$LAB/git.yaml" >/dev/null 2>&1; echo $?)"
chown -R 0 "$LAB/foreign"
chown 65534 "$LAB/foreign/.git/config"
verdict "nor one with another user's configuration" 1 "$(ours foreign >/dev/null 2>&1; echo $?)"
# A work tree of root's that points into another user's repository.
mkdir "$LAB/pointing"
repository foreign
chown -R 65534 "$LAB/foreign"
echo "gitdir: $LAB/foreign/.git" >"$LAB/pointing/.git"
verdict "nor through a file that points there" 1 "$(ours pointing >/dev/null 2>&1; echo $?)"

# More than a policy may have ends early.
repository large
head -c 8M /dev/zero | tr '\0' '#' >"$LAB/large/p.yaml"
plain -C "$LAB/large" commit -qam large
verdict "a file that is too large is refused" 2 "$(ours large >"$LAB/git.out" 2>&1; echo $?)"
