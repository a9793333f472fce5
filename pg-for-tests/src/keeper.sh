#!/bin/sh
# Keeps one PostgreSQL server for as long as someone uses it, and leaves nothing running.
#
#   keeper.sh FOLDER BINARIES PORT LINGER [NAME=VALUE …]
#
# Users hold a shared lock on FOLDER/users; the kernel takes it from them when they end, in whatever
# way. When no one has held it for LINGER tenths of a second, the server is stopped.
# FOLDER/data is made by initdb unless it is there. FOLDER/ready holds the address once it answers.
set -u
umask 077
folder=$1 binaries=$2 port=$3 linger=$4
shift 4
data=$folder/data

# PostgreSQL refuses to run as root; Debian's package brings a user of its own.
as=
if [ "$(id -u)" = 0 ]; then as="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
pg() { program=$1; shift; (cd "$folder" && exec $as "$binaries/$program" "$@") 9>&-; }
fail() { echo "$1" >"$folder/failed"; exit 1; }

# One keeper at a time: the one before may still be stopping its server.
exec 9>"$folder/keeper"
flock --exclusive --timeout 20 9 || fail "another keeper is stuck"

# A keeper that was killed may have left its server behind.
if [ -f "$data/postmaster.pid" ]; then pg pg_ctl stop -D "$data" -m immediate -t 10; fi

if [ ! -d "$data" ]; then
    [ -n "$as" ] && chown postgres:postgres "$folder"
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password"
    [ -n "$as" ] && chown postgres "$folder/password"
    # Korean order for texts, where the server can: whatever relies on the order of bytes must say so.
    for locale in "--locale-provider=icu --icu-locale=ko-KR --locale=C" "--locale=C"; do
        # shellcheck disable=SC2086
        pg initdb -D "$data" -U sugi --encoding=UTF8 $locale --auth=scram-sha-256 \
            --pwfile="$folder/password" --no-sync --no-instructions && break
        rm -rf "$data"
    done
    [ -d "$data" ] || fail "initdb failed"
fi
password=$(cat "$folder/password")

for setting; do set -- "$@" -c "$setting"; shift; done
(
    cd "$folder" &&
        exec $as "$binaries/postgres" -D "$data" -c port="$port" -c listen_addresses=127.0.0.1 \
            -c unix_socket_directories= -c fsync=on -c max_connections=300 -c shared_buffers=64MB "$@"
) 9>&- &
server=$!

tries=600
until PGPASSWORD=$password PGCONNECT_TIMEOUT=2 \
    psql -X -q -h 127.0.0.1 -p "$port" -U sugi -d postgres -c 'select 1' >/dev/null 2>&1; do
    tries=$((tries - 1))
    kill -0 "$server" 2>/dev/null || fail "the server did not start"
    [ "$tries" -gt 0 ] || fail "the server does not answer"
    sleep 0.05
done
echo "postgres://sugi:$password@127.0.0.1:$port" >"$folder/ready.new"
echo "$server" >>"$folder/ready.new"
mv "$folder/ready.new" "$folder/ready"

idle=0
exec 8>>"$folder/users"
while kill -0 "$server" 2>/dev/null; do
    if flock --exclusive --nonblock 8; then
        # No one. Whoever comes now waits until the lock is given back or the server is gone.
        idle=$((idle + 1))
        [ "$idle" -le "$linger" ] || break
        flock --unlock 8
    else
        idle=0
    fi
    sleep 0.1
done
rm -f "$folder/ready"

# Fast, then immediate, then by force; each bounded.
for signal in INT QUIT KILL; do
    kill -s "$signal" "$server" 2>/dev/null || break
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        kill -0 "$server" 2>/dev/null || break 2
        sleep 0.1
    done
done
wait "$server" 2>/dev/null
rm -rf "$data" "$folder/password"
# A server of one test's own takes everything with it.
[ "$linger" -gt 0 ] || rm -rf "$folder"
