#!/usr/bin/env bash
# Runs the command that the inputs ask for, and says its exit code as an output. A pull request that waits for its approvals is no
# failure of the workflow, for the status there says that it waits; nor is an issue that was answered with a denial.
set -euo pipefail

usage() {
  echo "::error title=lapse::$1"
  echo "exit-code=2" >>"$GITHUB_OUTPUT"
  exit 2
}

case "$LAPSE_COMMAND" in
  check)
    arguments=(check --publish)
    [ -z "$LAPSE_DISPATCH" ] || arguments+=("--dispatch=$LAPSE_DISPATCH")
    ;;
  reconcile)
    arguments=(reconcile)
    if [ -n "${LAPSE_BEGIN:-}" ]; then
      arguments+=(--init "--at=$LAPSE_BEGIN")
    elif [ -n "$LAPSE_FOR" ]; then
      arguments+=("--for=$LAPSE_FOR")
    fi
    ;;
  plan) arguments=(reconcile --dry-run) ;;
  request) arguments=(request --from-issue) ;;
  accept)
    [ -z "${LAPSE_BEGIN:-}" ] || usage "accept and begin are two things: start the workflow with one of them"
    arguments=(accept "--because=$LAPSE_BECAUSE")
    read -r -d '' -a names <<<"$LAPSE_ACCEPT" || true # words as they are: nothing in them is a pattern
    for name in "${names[@]}"; do
      [ "$name" = show ] || arguments+=("--yes=$name")
    done
    ;;
  *) usage "the input command must be check, reconcile, plan, request or accept" ;;
esac
if [ -n "$LAPSE_APP_ID" ]; then
  arguments+=("--app-id=$LAPSE_APP_ID")
elif [ -n "$LAPSE_APP_PRIVATE_KEY" ]; then
  usage "the input private-key needs app-id"
fi

export XDG_CACHE_HOME="$RUNNER_TEMP/lapse-state"
code=0
"$RUNNER_TEMP/lapse-program/lapse" "${arguments[@]}" || code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
if [ "$code" = 3 ]; then
  case "$LAPSE_COMMAND" in
    check) ! grep -qx waiting "$GITHUB_OUTPUT" || exit 0 ;;
    request) exit 0 ;;
  esac
fi
exit "$code"
