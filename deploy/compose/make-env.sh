#!/bin/sh
# Makes .env beside docker-compose.yml: .env.example with a fresh random value behind every name that has none. Readable
# by its owner alone from its first byte on; one that is there is never written over.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/../../.env}

# Hex only: some of these become part of an address, where other characters would need escapes.
random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

if [ -e "$target" ]; then
    echo "$target is there already. Without its secrets nobody can read what was stored: move it away yourself." >&2
    exit 1
fi
set -C
while IFS= read -r line; do
    case $line in
        RX_LINK_KEYS=) echo "${line}k1:$(random)" ;;
        RX_AUDIT_KEYS=) echo "${line}a1:$(random)" ;;
        [A-Z]*=) echo "$line$(random)" ;;
        *) echo "$line" ;;
    esac
done <"$here/.env.example" >"$target"
