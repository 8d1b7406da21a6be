#!/bin/sh
# Starts a simulated Hyper-V host and runs a playbook on it: run.sh nesting|wsl2|containers|hci
set -eu
demo=${1:-nesting}
case $demo in
    nesting) playbook=enable_nesting ;;
    wsl2) playbook=deploy_wsl2_in_vm ;;
    containers) playbook=deploy_isolated_containers ;;
    hci) playbook=deploy_azure_stack_hci_eval ;;
    *) echo "Unknown demo '$demo'. Known are nesting, wsl2, containers and hci." >&2; exit 2 ;;
esac
run=.build/demo
rm -rf "$run" && mkdir -p "$run"

python -m tests.simulator --model "tests/demo/$demo/model.yml" --inventory "$run/inventory.yml" >"$run/endpoints.json" &
simulator=$!
trap 'kill $simulator 2>/dev/null; wait $simulator 2>/dev/null || :' EXIT INT TERM
until [ -s "$run/endpoints.json" ]; do
    kill -0 $simulator 2>/dev/null || { echo 'The simulator did not start.' >&2; exit 1; }
    sleep 0.2
done

export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_LOCALHOST_WARNING=false
play() {
    printf '\n\033[1m$ ansible-playbook nested.hyperv.%s %s\033[0m\n' "$playbook" "$*"
    ansible-playbook "nested.hyperv.$playbook" -i "$run/inventory.yml" -e "@tests/demo/$demo/vars.yml" "$@"
}
play --check --diff
play --diff
play >"$run/second.txt" || { cat "$run/second.txt"; exit 1; }
cat "$run/second.txt"
grep -q 'changed=0 ' "$run/second.txt" || { echo 'The second run made a change.' >&2; exit 1; }
printf '\nThe second run changed nothing.\n'
