#!/bin/sh
# Keeps the keys of an ECS task's role in a file for njs: credentials.sh FILE once|SECONDS
# `once` fails if there are none; with SECONDS it asks again so often, for ever. ECS has new keys long before the old ones
# run out, so what is asked for every minute never has run out. What is there stays until there is better.
set -u
file=$1 period=$2

fetch() (
    umask 077
    # Each task's own address, which nothing but the task reaches.
    wget -q -T 5 -O "$file.new" "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" 2>/dev/null || exit 1
    for name in AccessKeyId SecretAccessKey Token; do
        grep -q "\"$name\" *: *\"[^\"]" "$file.new" || exit 1
    done
    # njs reads it whenever S3 is asked: there must never be half of it.
    mv "$file.new" "$file"
)

if [ "$period" = once ]; then
    for pause in 1 2 4 0; do
        fetch && exit 0
        sleep "$pause"
    done
    echo "The task's role has no keys, so the edge cannot read from S3" >&2
    exit 1
fi
while sleep "$period"; do
    fetch || echo "The task's role has no new keys; the old ones stay" >&2
done
