#!/bin/sh
# Serves {app}: the nova-host and the library that lie beside this file. Arguments are nova-host's;
# `./start --help` lists them.
set -eu
self=$0
# A link to this file is followed; a folder that is one is not, so that SIGHUP finds the release
# that it leads to by then.
if [ -L "$self" ]; then
    self=$(readlink -f -- "$self")
fi
here=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd)
exec "$here/nova-host" --routes "$here" "$@"
