#!/bin/sh
# What backup.sh has kept, into empty volumes: sh deploy/compose/restore.sh FOLDER
# What was received and erased since is made good before anything is served (docs/how-to/back-up-and-restore.md).
set -eu
: "${1:?the folder of the back-up}"
source=$(cd "$1" && pwd)
for file in database.dump objects.tar; do
    if [ ! -s "$source/$file" ]; then
        echo "$source/$file is missing or empty: nothing was changed" >&2
        exit 1
    fi
done
cd "$(dirname "$0")/../.."

docker compose up --detach --wait postgres s3
tables=$(docker compose exec -T postgres psql --username=rx --tuples-only --no-align \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" rx)
if [ "$tables" != 0 ]; then
    echo "The database has $tables tables. Nothing was changed: restore into empty volumes (docker compose down --volumes)" >&2
    exit 1
fi
docker compose exec -T postgres pg_restore --username=rx --dbname=rx --no-owner --no-privileges --exit-on-error \
    --single-transaction <"$source/database.dump"
docker compose run --rm -T --no-deps buckets
docker compose run --rm -T --no-deps buckets python deploy/compose/objects.py load <"$source/objects.tar"
# Before anything is served. It says 1 when somebody has to know what was lost.
docker compose up --detach --wait valkey
docker compose run --rm -T grants
docker compose run --rm -T --no-deps beat python manage.py restore-check --stopped || checked=$?
docker compose up --detach --wait
if [ "${checked:-0}" != 0 ]; then
    echo "Restored. Read what restore-check said above, and: docker compose exec beat python manage.py restore-check --acknowledge NAME" >&2
fi
