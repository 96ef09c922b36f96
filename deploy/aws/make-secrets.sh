#!/bin/sh
# Makes every secret of a deployment on AWS, as one secret of Secrets Manager: make-secrets.sh NAME
# Prints its ARN and version, which the stacks ask for, and no secret. One that is there is never written over.
set -eu
umask 077

# Hex only: some of these become part of an address, where other characters would need escapes.
random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# The certificate of the two gunicorns, which the edge checks against itself: nobody has to be an authority. For ten years;
# a new one is a new version of the secret, as any other key.
certificate=$(mktemp) key=$(mktemp)
trap 'rm -f "$certificate" "$key"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=web.rx.internal \
    -addext subjectAltName=DNS:web.rx.internal,DNS:generate.rx.internal,IP:127.0.0.1 \
    -keyout "$key" -out "$certificate" 2>/dev/null

# Lines of a file as JSON has them.
lines() {
    awk '{printf "%s\\n", $0}' "$@"
}

# By a file that only this user can read, because everybody on a machine can read a command line.
file=$(mktemp)
trap 'rm -f "$certificate" "$key" "$file"' EXIT
cat >"$file" <<EOF
{
  "RX_SECRET_KEY": "$(random)",
  "WORKER_SECRET_KEY": "$(random)",
  "RX_LINK_KEYS": "k1:$(random)",
  "RX_AUDIT_KEYS": "a1:$(random)",
  "POSTGRES_PASSWORD": "$(random)",
  "POSTGRES_APP_PASSWORD": "$(random)",
  "VALKEY_PASSWORD": "$(random)",
  "WEB_CA": "$(lines "$certificate")",
  "WEB_TLS": "$(lines "$certificate" "$key")"
}
EOF
aws secretsmanager create-secret --name "$1" --description "Keys and passwords of prescription variants" \
    --secret-string "file://$file" --query "[ARN,VersionId]" --output text
