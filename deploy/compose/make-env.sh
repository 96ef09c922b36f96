#!/bin/sh
# Prints .env.example with a fresh random value behind every name that has none:
#   (umask 077; sh deploy/compose/make-env.sh >.env)
set -eu

# Hex only: some of these become part of an address, where other characters would need escapes.
random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

while IFS= read -r line; do
    case $line in
        RX_LINK_KEYS=) echo "${line}k1:$(random)" ;;
        RX_AUDIT_KEYS=) echo "${line}a1:$(random)" ;;
        [A-Z]*=) echo "$line$(random)" ;;
        *) echo "$line" ;;
    esac
done <"$(dirname "$0")/.env.example"
