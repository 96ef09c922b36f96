#!/bin/sh
# Fills in the edge's template and becomes nginx. Secrets are no part of the list: njs reads them from the environment.
set -eu

# Explicit, because nginx has variables of its own. Equal to EDGE_NAMES in rxproject/edge.py.
names="RX_BASE_URL RX_EDGE_CA_FILE RX_EDGE_GENERATE RX_EDGE_JS_DIR RX_EDGE_LISTEN RX_EDGE_RESOLVER RX_EDGE_RUN_DIR
RX_EDGE_S3_HOST RX_EDGE_S3_SCHEME RX_EDGE_TMPFS_DIR RX_EDGE_TRUSTED_PROXY RX_EDGE_WEB RX_EDGE_WEB_CA_FILE
RX_EDGE_WEB_SCHEME RX_PIPELINE RX_S3_REGION RX_VARIANTS_BUCKET"

list=""
for name in $names; do
    if [ -z "$(printenv "$name")" ]; then
        echo "$name is empty or missing; the edge needs a value for it (docker-compose.yml, service nginx)" >&2
        exit 1
    fi
    list="$list \${$name}"
done

# Who looked is read off the access log, so it lies where beat can read it: $1. Errors are the container's own log.
if ! : >>"$1/access.log"; then
    echo "$1 is not writable for nginx's user; the volume access-log must be made by docker compose up" >&2
    exit 1
fi
ln -sf "$1/access.log" "$RX_EDGE_RUN_DIR/access.log"
ln -sf /dev/stderr "$RX_EDGE_RUN_DIR/error.log"

# Five files of this many bytes: at the shipped hour between two readings, some 900 requests a second.
rotate() {
    while sleep "$3"; do
        [ -n "$(find "$1/access.log" -size "+$2c")" ] || continue
        for number in 3 2 1; do
            [ ! -e "$1/access.log.$number" ] || mv "$1/access.log.$number" "$1/access.log.$((number + 1))"
        done
        mv "$1/access.log" "$1/access.log.1"
        kill -USR1 $$
    done
}
rotate "$1" "${2:-268435456}" "${3:-60}" &

# For /metrics, how full the cache is: its tmpfs holds nothing else, so nobody has to look at each file.
measure() {
    while df -kP "$RX_EDGE_TMPFS_DIR" | awk 'NR == 2 { print $3 * 1024 }' >"$1/cache-bytes.new"; do
        mv "$1/cache-bytes.new" "$1/cache-bytes"
        sleep 15
    done
}
measure "$1" &

# On ECS the keys are those of the task's role, which change.
if [ -n "${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI:-}" ] && [ -n "${RX_EDGE_CREDENTIALS_FILE:-}" ]; then
    sh "$RX_EDGE_JS_DIR/credentials.sh" "$RX_EDGE_CREDENTIALS_FILE" once
    sh "$RX_EDGE_JS_DIR/credentials.sh" "$RX_EDGE_CREDENTIALS_FILE" "${4:-60}" &
fi

envsubst "$list" <"$RX_EDGE_JS_DIR/nginx.conf.template" >"$RX_EDGE_RUN_DIR/nginx.conf"

# njs is a module in this image and built in elsewhere, so it is loaded here and not in the template.
exec nginx -p "$RX_EDGE_RUN_DIR" -c "$RX_EDGE_RUN_DIR/nginx.conf" -e stderr \
    -g 'daemon off; load_module /usr/lib/nginx/modules/ngx_http_js_module.so;'
