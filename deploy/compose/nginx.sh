#!/bin/sh
# Fills in the edge's template and becomes nginx. Secrets are no part of the list: njs reads them from the environment.
set -eu

# Explicit, because nginx has variables of its own. Equal to EDGE_NAMES in rxproject/edge.py.
names="RX_BASE_URL RX_EDGE_CA_FILE RX_EDGE_GENERATE RX_EDGE_JS_DIR RX_EDGE_LISTEN RX_EDGE_RESOLVER RX_EDGE_RUN_DIR
RX_EDGE_S3_HOST RX_EDGE_S3_SCHEME RX_EDGE_TMPFS_DIR RX_EDGE_TRUSTED_PROXY RX_EDGE_WEB RX_PIPELINE RX_S3_REGION
RX_VARIANTS_BUCKET"

list=""
for name in $names; do
    if [ -z "$(printenv "$name")" ]; then
        echo "$name is empty or missing; the edge needs a value for it (docker-compose.yml, service nginx)" >&2
        exit 1
    fi
    list="$list \${$name}"
done

# The container's own log takes both; the template writes to files for machines that have no such log.
ln -sf /dev/stdout "$RX_EDGE_RUN_DIR/access.log"
ln -sf /dev/stderr "$RX_EDGE_RUN_DIR/error.log"
envsubst "$list" <"$RX_EDGE_JS_DIR/nginx.conf.template" >"$RX_EDGE_RUN_DIR/nginx.conf"

# njs is a module in this image and built in elsewhere, so it is loaded here and not in the template.
exec nginx -p "$RX_EDGE_RUN_DIR" -c "$RX_EDGE_RUN_DIR/nginx.conf" -e stderr \
    -g 'daemon off; load_module /usr/lib/nginx/modules/ngx_http_js_module.so;'
