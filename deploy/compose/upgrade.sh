#!/bin/sh
# Takes a new version into service while people look at pictures and send requests: sh deploy/compose/upgrade.sh
# Hits never fail, because nginx stays; the API is never away, because the new web answers before the old one ends.
set -eu
cd "$(dirname "$0")/../.."

# nginx asks for addresses anew every ten seconds (`resolver ... valid=10s` in its template).
known_to_nginx=15

docker compose build --quiet
# Migrations only add, so the version that still serves goes on working.
docker compose run --rm -T --no-deps migrate
docker compose run --rm -T --no-deps grants
docker compose run --rm -T --no-deps buckets

for service in web generate; do
    old=$(docker compose ps --quiet "$service")
    count=$(echo "$old" | wc -w)
    docker compose up --detach --wait --no-deps --no-recreate --scale "$service=$((count * 2))" "$service"
    sleep "$known_to_nginx"
    # SIGTERM: what has begun is answered; what comes meanwhile goes to the new one.
    for container in $old; do
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
    done
done
# Renders under way are finished; a miss that comes meanwhile waits.
docker compose up --detach --wait --no-deps worker beat
# These only if a file of theirs has changed: the gate for half a second, nginx for one or two.
docker compose up --detach --wait --no-deps seaweedfs s3 nginx
