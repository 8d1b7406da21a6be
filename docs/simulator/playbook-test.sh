#!/bin/sh
# Run a playbook twice against the simulator: playbook-test.sh PLAYBOOK MODEL
# The folder that contains ansible_collections/nested/hyperv is in PYTHONPATH or the current one.
set -eu
playbook=$1 model=$2 work=$(mktemp -d)
trap 'kill "$simulator" 2>/dev/null || true; rm -rf "$work"' EXIT

python3 -m ansible_collections.nested.hyperv.tests.simulator --strict \
    --model "$model" --inventory "$work/inventory.yml" --log "$work/requests.jsonl" >"$work/addresses.json" &
simulator=$!
while [ ! -s "$work/addresses.json" ]; do
    kill -0 "$simulator" # ends the test if the model is wrong
    sleep 0.2
done

ansible-playbook -i "$work/inventory.yml" "$playbook"
code=0
ansible-playbook -i "$work/inventory.yml" "$playbook" >"$work/second.txt" || code=$? # a pipe would hide the exit code
cat "$work/second.txt"
if [ "$code" -ne 0 ]; then
    echo 'The second run fails.' >&2
    exit "$code"
fi
if grep -q 'changed=[1-9]' "$work/second.txt"; then
    echo 'The second run changes something.' >&2
    exit 1
fi
