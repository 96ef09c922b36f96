#!/bin/sh
# Writes the four S3 identities to memory and becomes SeaweedFS (`weed mini` with the arguments given).
# Who may do what is the same as in rxproject/buckets.py.
set -eu
umask 077

run_dir="${RUN_DIR:-/run/rx}"
cat >"$run_dir/s3.json" <<EOF
{
  "identities": [
    {
      "name": "bootstrap",
      "credentials": [{"accessKey": "bootstrap", "secretKey": "$S3_BOOTSTRAP_SECRET"}],
      "actions": ["Admin"]
    },
    {
      "name": "web",
      "credentials": [{"accessKey": "web", "secretKey": "$S3_WEB_SECRET"}],
      "actions": [
        "Read:rx-originals", "Write:rx-originals", "List:rx-originals",
        "Read:rx-variants", "Write:rx-variants", "List:rx-variants",
        "Read:rx-audit", "Write:rx-audit", "List:rx-audit"
      ]
    },
    {
      "name": "renderer",
      "credentials": [{"accessKey": "renderer", "secretKey": "$S3_RENDERER_SECRET"}],
      "actions": ["Read:rx-originals", "Read:rx-variants", "Write:rx-variants", "List:rx-variants"]
    },
    {
      "name": "edge",
      "credentials": [{"accessKey": "edge", "secretKey": "$S3_EDGE_SECRET"}],
      "actions": ["Read:rx-variants", "List:rx-variants"]
    }
  ]
}
EOF
# It keeps its arguments beside the data and would prefer them to ours.
for argument in "$@"; do
    case $argument in
        -dir=*) rm -f "${argument#-dir=}/mini.options" ;;
    esac
done
# The server itself does not need them.
unset S3_BOOTSTRAP_SECRET S3_WEB_SECRET S3_RENDERER_SECRET S3_EDGE_SECRET
exec weed -logtostderr=true mini -s3.config="$run_dir/s3.json" "$@"
