#!/bin/sh
# Takes a new version into service while people look at pictures and send requests: sh deploy/compose/upgrade.sh
# Hits never fail, because nginx stays; the API is never away, because the new web answers before the old one ends.
set -eu
cd "$(dirname "$0")/../.."

# nginx asks for addresses anew every ten seconds (`resolver ... valid=10s` in its template).
known_to_nginx=15

docker compose build --quiet
# Once more, as the new version. Migrations only add, so the one that still serves goes on working.
docker compose rm --force certificates migrate grants buckets

# A worker makes what its own release asks for. The new ones are there before anybody of theirs asks, and the old ones
# until nobody of theirs does.
workers=$(docker compose ps --quiet worker)
how_many=$(echo "$workers" | wc -w)
docker compose up --detach --wait --no-recreate --scale "worker=$((how_many * 2))" worker

for service in web generate; do
    old=$(docker compose ps --quiet "$service")
    count=$(echo "$old" | wc -w)
    # Never with --no-deps: Compose would remember it, and recreate what has not changed the next time.
    docker compose up --detach --wait --no-recreate --scale "$service=$((count * 2))" "$service"
    sleep "$known_to_nginx"
    # SIGTERM: what has begun is answered; what comes meanwhile goes to the new one.
    for container in $old; do
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
    done
done
# Renders under way are finished.
for container in $workers; do
    docker stop "$container" >/dev/null
    docker rm "$container" >/dev/null
done
docker compose up --detach --wait --scale "worker=$how_many" worker beat
# The gate and nginx only if a file or a value of theirs has changed: half a second, and one or two.
docker compose up --detach --wait nginx
