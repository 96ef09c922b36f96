#!/bin/sh
# A back-up while everything serves: sh deploy/compose/backup.sh FOLDER (a new one; readable by its owner alone)
# First the database, then the objects: in this order no row lacks its file.
set -eu
umask 077
: "${1:?a new folder for the back-up}"
mkdir "$1"
target=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

docker compose exec -T postgres pg_dump --username=rx --format=custom rx >"$target/database.dump"
docker compose run --rm -T --no-deps buckets python deploy/compose/objects.py save >"$target/objects.tar"
