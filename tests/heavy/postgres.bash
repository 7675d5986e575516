# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# A PostgreSQL server of a test's own, in $postgres_data; its programs are in $server.

# as_postgres COMMAND...: the server refuses to run as root. In front of it comes
# what $there says: nothing, or what leads to another host.
as_postgres() {
  (cd / && exec "${there[@]}" setpriv --reuid=postgres --regid=postgres --clear-groups "$@")
}

need_postgres() {
  local folders=(/usr/lib/postgresql/*/bin)
  server=${folders[-1]}
  [ -x "$server/postgres" ] || skip "no PostgreSQL server"
  [ -x "$server/pgbench" ] || skip "no pgbench"
  id postgres >/dev/null 2>&1 || skip "no user postgres"
  "$server/postgres" --version
  postgres_data=$(mktemp -d /tmp/sightline-postgres.XXXXXX)
  chown postgres "$postgres_data"
}

new_postgres() {
  need_postgres
  as_postgres "$server/initdb" -D "$postgres_data/data" -A trust >initdb.log
}

# start_postgres [OPTION...]: options of the server; its socket is in $postgres_data.
start_postgres() {
  as_postgres "$server/pg_ctl" -D "$postgres_data/data" -w -l "$postgres_data/log" \
    -o "-k $postgres_data $*" start >pg_ctl.log 3>&- 4>&-
}

stop_postgres() {
  as_postgres "$server/pg_ctl" -D "$postgres_data/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$postgres_data"
}
