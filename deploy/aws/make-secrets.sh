#!/bin/sh
# Makes every secret of a deployment on AWS, as one secret of Secrets Manager: make-secrets.sh NAME
# Prints its ARN and version, which the stacks ask for, and no secret. One that is there is never written over.
set -eu
umask 077

# Hex only: some of these become part of an address, where other characters would need escapes.
random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# By a file that only this user can read, because everybody on a machine can read a command line.
file=$(mktemp)
trap 'rm -f "$file"' EXIT
cat >"$file" <<EOF
{
  "RX_SECRET_KEY": "$(random)",
  "WORKER_SECRET_KEY": "$(random)",
  "RX_LINK_KEYS": "k1:$(random)",
  "RX_AUDIT_KEYS": "a1:$(random)",
  "POSTGRES_PASSWORD": "$(random)",
  "POSTGRES_APP_PASSWORD": "$(random)",
  "VALKEY_PASSWORD": "$(random)"
}
EOF
aws secretsmanager create-secret --name "$1" --description "Keys and passwords of prescription variants" \
    --secret-string "file://$file" --query "[ARN,VersionId]" --output text
