#!/usr/bin/env bash
# Finds the program for the ref by which the action is used. Where there is a release of that ref, it is fetched and verified: by
# the checksum that the release names, and by an attestation that the release workflow built it from that very ref; one that fails
# stops here. Where there is none, the output "source" asks for the action's own source to be built, and names its state.
set -euo pipefail

repo=${LAPSE_ACTION_REPOSITORY:-}
ref=${LAPSE_ACTION_REF:-}
wanted=${LAPSE_VERSION:-}
release='^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$'
program="$RUNNER_TEMP/lapse-program"

fail() {
  echo "::error title=lapse::$1"
  exit 1
}

digest=(sha256sum)
command -v sha256sum >/dev/null || digest=(shasum -a 256)

# The state of the source, whatever ref it came by.
from_source() {
  [ -z "$wanted" ] || fail "version: $1; leave the version out to build the action's own source"
  echo "lapse: built from source: $1"
  cd "$GITHUB_ACTION_PATH"
  state=$(find . -type f -not -path './.git/*' -print0 | LC_ALL=C sort -z | xargs -0 "${digest[@]}" | "${digest[@]}" | cut -c1-64)
  echo "source=$state" >>"$GITHUB_OUTPUT"
  exit 0
}

# The release of the ref: the ref itself, or the tag of its commit.
tag_of_ref() {
  if [[ $ref =~ $release ]]; then
    echo "$ref"
  elif [[ $ref =~ ^[0-9a-f]{40}$ ]]; then
    COMMIT=$ref gh api --paginate "repos/$repo/tags?per_page=100" --jq '.[] | select(.commit.sha == env.COMMIT) | .name' |
      grep -E "$release" | sort -V | tail -n1
  fi
}

[[ -z $wanted || $wanted =~ $release ]] || fail "version: want a release like v1.2.3"
[[ $repo =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || from_source "the action is a folder of this repository"
[[ ${GITHUB_SERVER_URL:-} == https://github.com ]] || from_source "releases are on github.com alone"
command -v gh >/dev/null || from_source "there is no gh here to verify a release with"
gh attestation verify --help >/dev/null 2>&1 || from_source "gh here is too old to verify a release (want 2.68 or later)"

tag=$wanted
[ -n "$tag" ] || tag=$(tag_of_ref || true)
[ -n "$tag" ] || from_source "no release is made of ${ref:-this ref}"
gh api "repos/$repo/releases/tags/$tag" --silent 2>/dev/null || from_source "there is no release $tag"

case "$RUNNER_OS-$RUNNER_ARCH" in
  Linux-X64) asset=lapse_linux_amd64 ;;
  Linux-ARM64) asset=lapse_linux_arm64 ;;
  macOS-X64) asset=lapse_darwin_amd64 ;;
  macOS-ARM64) asset=lapse_darwin_arm64 ;;
  *) from_source "no release is made for $RUNNER_OS on $RUNNER_ARCH" ;;
esac

rm -rf "$program"
mkdir -p "$program"
gh release download "$tag" --repo "$repo" --dir "$program" --pattern "$asset" --pattern checksums.txt ||
  fail "release $tag of $repo cannot be fetched"

cd "$program"
named=$(awk -v asset="$asset" '$2 == asset { print $1 }' checksums.txt)
[ -n "$named" ] || fail "release $tag names no checksum for $asset"
[ "$("${digest[@]}" "$asset" | cut -c1-64)" = "$named" ] || fail "$asset of release $tag is not what its checksum says"

source=(--source-ref "refs/tags/$tag")
if [ -z "$wanted" ] && [[ $ref =~ ^[0-9a-f]{40}$ ]]; then
  source+=(--source-digest "$ref")
fi
gh attestation verify "$asset" --repo "$repo" --signer-workflow "$repo/.github/workflows/release.yml" \
  --deny-self-hosted-runners "${source[@]}" >/dev/null || fail "nothing attests that $repo built $asset of release $tag"

mv "$asset" lapse
chmod +x lapse
echo "lapse: release $tag, verified"
