#!/usr/bin/env bash
# A schema-driven tester (schemathesis) against the live service with a sandbox for KCP: no 5xx, and
# no answer outside the OpenAPI document. Exit 0 when it holds. Takes the number of
# examples and the seed.
set -euo pipefail
cd "$(dirname "$0")/../.."

examples=${1:-60} seed=${2:-1}
venv=${SUGI_SCHEMA_VENV:-target/schemathesis}
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'schemathesis==4.32.5'; }
schemathesis=$(realpath "$venv/bin/schemathesis")

cargo build -q --locked -p sugi-api --example loopback
# The service lives as long as the other end of its standard input.
coproc SERVICE { exec "${CARGO_TARGET_DIR:-target}/debug/examples/loopback"; }
# shellcheck disable=SC2153
read -r ready <&"${SERVICE[0]}"
field() { python3 -c 'import json,sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
url=$(field url) key=$(field api_key)

hooks=$PWD/sugi-api/tests/schema_hooks.py
# The tester writes beside where it runs.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > schemathesis.toml <<CONFIG
hooks = "$hooks"
[checks]
# What JSON Schema cannot say (bytes of UTF-8, a month that is over, values that must agree, what is
# in the ledger) is refused with 422 or 409; schema_hooks.py looks at which rules those were.
positive_data_acceptance.expected-statuses = [200, 201, 202, 204, 303, 403, 404, 409, 422]
CONFIG
"$schemathesis" run "$url/openapi.json" --header "Authorization: Bearer $key" \
    --max-examples "$examples" --seed "$seed" --checks all --suppress-health-check all
