#!/bin/sh
# This nginx has njs built in, so it knows no such module: the directive that loads it is left out.
for argument; do
    shift
    case $argument in
        *load_module*) argument=$(printf %s "$argument" | sed 's/load_module [^;]*;//') ;;
    esac
    set -- "$@" "$argument"
done
exec /usr/sbin/nginx.real "$@"
