#!/bin/sh
# Starts a simulated Hyper-V host and runs the playbook enable_nesting on it twice.
set -eu
run=.build/demo
rm -rf "$run" && mkdir -p "$run"

python -m tests.simulator --model tests/demo/model.yml --inventory "$run/inventory.yml" >"$run/endpoints.json" &
simulator=$!
trap 'kill $simulator 2>/dev/null; wait $simulator 2>/dev/null || :' EXIT INT TERM
until [ -s "$run/endpoints.json" ]; do
    kill -0 $simulator 2>/dev/null || { echo 'The simulator did not start.' >&2; exit 1; }
    sleep 0.2
done

export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_LOCALHOST_WARNING=false
play() {
    printf '\n\033[1m$ ansible-playbook nested.hyperv.enable_nesting %s\033[0m\n' "$*"
    ansible-playbook nested.hyperv.enable_nesting -i "$run/inventory.yml" -e @tests/demo/vars.yml "$@"
}
play --check --diff
play --diff
play | tee "$run/second.txt"
grep -q 'changed=0 ' "$run/second.txt" || { echo 'The second run made a change.' >&2; exit 1; }
printf '\nThe second run changed nothing.\n'
