#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# tcpconnect and execsnoop on the servers that people run: what their own logs and
# counters say is what there was. Each prints which version it is.

bats_require_minimum_version 1.5.0
load ../e2e/helpers
load postgres
setup() {
  ((EUID == 0)) || skip "needs root"
  e2e_setup
}
teardown() {
  [ -z "${postgres_data-}" ] || stop_postgres
  [ -z "${nginx-}" ] || stop_nginx
  [ -z "${started+set}" ] || e2e_teardown
}

need() { command -v "$1" >/dev/null || skip "no $1"; }

# Of connections: the helpers of both tools have the same names.
connects() {
  load ../e2e/connect_helpers
  new_host
}

# A cluster's life, from nothing to nothing. Its programs are counted: nothing here
# waits by running one.
postgres_life() {
  cat <<'BASH'
server=$1 data=$2
"$server/initdb" -D "$data/data" -A trust --no-sync
"$server/pg_ctl" -D "$data/data" -w -l "$data/log" -o "-k $data -c listen_addresses=" start
"$server/pgbench" -h "$data" -q -i postgres
"$server/pgbench" -h "$data" -n -C -c 2 -t 50 postgres
"$server/psql" -h "$data" -c "select 'it''s' as \"a b\"" postgres
"$server/psql" -h "$data" -c 'select nonsense' postgres
"$server/pg_dump" -h "$data" -Fc -f "$data/dump" postgres
read -r pid <"$data/data/postmaster.pid"
"$server/pg_ctl" -D "$data/data" -m fast stop
while { read -r line <"/proc/$pid/stat"; } 2>/dev/null && [[ $line != *') Z '* ]]; do
  read -r -t 0.05 <> <(:)
done
true
BASH
}

@test "heavy servers: PostgreSQL's start, work and end as strace sees them" {
  load ../e2e/exec_helpers
  need_postgres
  postgres_life >life.bash
  life() {
    "$@" "$(command -v setpriv)" --reuid=postgres --regid=postgres --clear-groups \
      bash -c "$(<life.bash)" life "$server" "$postgres_data"
    rm -rf "${postgres_data:?}"/*
  }
  life strace_execs
  life execsnoop -q -l -j -o out.json -- >said 2>&1
  check_events out.json event_ring_full scratch_full recursion text_lost \
    text_unreadable path_cut exit_missing target_table_full
  same_execs
  # That there was something to be compared.
  grep -q '"--boot".*"exited 0"' seen
  grep -q '"locale -a"' seen
  grep -q "\"select 'it''s' as .*\"exited 0\"" seen
  grep -q '"select nonsense", "postgres"\], "exited 1"' seen
}

# What the server says that it was connected from.
received() { sed -nE 's/.*connection received: host=127\.0\.0\.1 port=([0-9]+)$/\1/p' "$postgres_data/log"; }

start_tcp_postgres() {
  connects
  there=(nsenter --target "$host" --net)
  new_postgres
  start_postgres -c listen_addresses=127.0.0.1 -c log_connections=on -c port=5432
}

@test "heavy servers: PostgreSQL, a connection for each transaction" {
  start_tcp_postgres
  echo 'select 1;' >"$postgres_data/select.sql"
  watch -- "${there[@]}" setpriv --reuid=postgres --regid=postgres --clear-groups \
    "$server/pgbench" -h 127.0.0.1 -n -C -c 8 -j 2 -t 250 -f "$postgres_data/select.sql" postgres
  [ "$status" -eq 0 ]
  grep -q '^number of transactions actually processed: 2000/2000$' said
  received | sort >expected
  records 'select(.type == "event").local_port' out.json | sort | diff expected -
  # One more looks at the server before they begin.
  holds_of_events 'length == 2001 and all(.comm == "pgbench" and .user == "postgres"
    and .outcome == "ok" and .latency_ns > 0 and .retransmits == 0
    and .remote_address == "127.0.0.1" and .remote_port == 5432)'
  # And when it is down.
  as_postgres "$server/pg_ctl" -D "$postgres_data/data" -m fast stop >/dev/null
  watch -- "${there[@]}" "$server/psql" -h 127.0.0.1 -U postgres -c 'select 1'
  [ "$status" -eq 2 ]
  holds_of_events 'length == 1 and (.[0] | .outcome == "refused" and .comm == "psql")'
}

@test "heavy servers: PostgreSQL's clients that stay, as ss sees them" {
  start_tcp_postgres
  as_postgres "$server/pgbench" -h 127.0.0.1 -q -i postgres 2>/dev/null
  before=$(received | wc -l)
  snoop -q -j -o out.json -P 5432
  background as_postgres "$server/pgbench" -h 127.0.0.1 -c 30 -j 2 -T 600 postgres >/dev/null 2>&1
  authorized() { [ "$(received | wc -l)" -eq $((before + 31)) ]; }
  until_true authorized
  held() { "${there[@]}" ss -tnH state established dst 127.0.0.1:5432; }
  thirty() { [ "$(held | wc -l)" -eq 30 ]; }
  until_true thirty
  held | awk '{ print $3, $4 }' | sort >expected
  finish INT
  check_connects out.json event_ring_full attempts_full recursion exit_missing
  records 'select(.type == "event" and .outcome == "ok")
    | "\(.local_address):\(.local_port) \(.remote_address):\(.remote_port)"' out.json | sort >seen
  # The one that has looked at the server has gone.
  [ "$(wc -l <seen)" -eq 31 ]
  [ "$(comm -12 expected seen | wc -l)" -eq 30 ]
}

nginx_conf() {
  cat <<CONF
daemon off;
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/error.log info;
events { }
http {
  log_format clients '\$connection \$remote_port \$status \$request_uri \$upstream_addr [\$upstream_status]';
  log_format upstream '\$remote_port \$status';
  client_body_temp_path $PWD/body;
  proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi;
  scgi_temp_path $PWD/scgi;
  proxy_connect_timeout 500ms;
  upstream both {
    server 127.0.0.1:81 max_fails=0;
    server 127.0.0.1:8001 max_fails=0;
  }
  server {
    listen 127.0.0.1:80;
    access_log $PWD/clients.log clients;
    location / { return 200 "hello\n"; }
    location /down { proxy_pass http://127.0.0.1:81; }
    location /up { proxy_pass http://127.0.0.1:8001; }
    location /both { proxy_pass http://both; }
    location /silent { proxy_pass http://127.0.0.1:82; }
  }
  server {
    listen 127.0.0.1:8001;
    access_log $PWD/upstream.log upstream;
    location / { return 200 "from behind\n"; }
  }
}
CONF
}

start_nginx() {
  nginx_conf >nginx.conf
  background "${there[@]}" nginx -c "$PWD/nginx.conf" 2>nginx.err
  nginx=$last
  listens() { "${there[@]}" ss -tlnH sport = 80 | grep -q .; }
  until_true listens
}

# Its workers outlive one that is killed.
stop_nginx() {
  kill -TERM "$nginx" 2>/dev/null || true
  wait "$nginx" || true
}

# fetch COUNT ARGUMENT...: curl, that often.
fetch() {
  local count=$1
  shift
  while ((count--)); do
    "${there[@]}" curl -sS -o /dev/null -w '%{http_code}\n' "$@" >>codes 2>>curl.err || true
  done
}

@test "heavy servers: nginx and curl" {
  need nginx
  need curl
  connects
  nginx -v
  on_input "$host" tcp dport 82 drop
  start_nginx
  snoop -q -j -o all.json
  fetch 20 http://127.0.0.1/
  fetch 3 http://127.0.0.1/{1,2,3,4,5}
  fetch 7 http://127.0.0.1:83/
  fetch 11 http://127.0.0.1/down
  fetch 5 http://127.0.0.1/up
  fetch 10 http://127.0.0.1/both
  fetch 2 http://127.0.0.1/silent
  # The first of its addresses refuses.
  fetch 6 http://both.test/
  fetch 4 -6 http://both.test/
  all_logged() { [ "$(wc -l <clients.log)" -eq $((20 + 15 + 11 + 5 + 10 + 2 + 6)) ]; }
  until_true all_logged
  finish INT
  check_connects all.json event_ring_full attempts_full recursion exit_missing
  jq -c "select(.type != \"event\" or .netns == \"$(printf '0x%x' "$(stat -L -c %i "/proc/$host/ns/net")")\")" all.json >out.json

  # Curl's connections are those that nginx has served, and what it could not do
  # was refused.
  awk '{ print $1, $2 }' clients.log | sort -u | awk '{ print $2 }' | sort >expected
  records 'select(.type == "event" and .comm == "curl" and .outcome == "ok").local_port' out.json |
    sort | diff expected -
  [ "$(events '.comm == "curl" and .outcome == "refused" and .remote_port == 83')" -eq 7 ]
  [ "$(events '.comm == "curl" and .outcome == "refused" and .remote_address == "::1"')" -eq 10 ]
  [ "$(events '.comm == "curl"')" -eq $(($(wc -l <expected) + 17)) ]

  # Nginx as a client, by its error log and by what is behind it.
  refused=$(grep -c 'connect() failed (111: .* while connecting to upstream' error.log)
  [ "$(events '.comm == "nginx" and .outcome == "refused" and .remote_port == 81')" -eq "$refused" ]
  [ "$refused" -ge 16 ]
  awk '{ print $1 }' upstream.log | sort >expected
  records 'select(.type == "event" and .comm == "nginx" and .outcome == "ok").local_port' out.json |
    sort | diff expected -
  [ "$(events '.comm == "nginx" and .outcome == "aborted" and .remote_port == 82')" -eq 2 ]
  [ "$(events '.comm == "nginx"')" -eq $((refused + $(wc -l <expected) + 2)) ]
  # Each upstream that a request has tried is in nginx's access log.
  [ "$(events '.comm == "nginx"')" -eq "$(grep -oE '127\.0\.0\.1:[0-9]+' clients.log | wc -l)" ]
}

connections() {
  redis-cli -s "$PWD/socket" info stats | tr -d '\r' | sed -n 's/^total_connections_received://p'
}

@test "heavy servers: Redis, a connection for each request" {
  need redis-benchmark
  connects
  # One file is server and checker; its name says which.
  ln -s "$(command -v redis-check-rdb)" redis-server
  ./redis-server --version
  background "${there[@]}" "$PWD/redis-server" --bind 127.0.0.1 --unixsocket "$PWD/socket" --save '' >redis.log
  until_true test -S socket
  before=$(connections)
  watch -- "${there[@]}" redis-benchmark -h 127.0.0.1 -k 0 -n 20000 -c 50 -q -t ping_mbulk
  [ "$status" -eq 0 ]
  rows=$(events true)
  # Who asks for it has a connection too.
  asked=1
  counted() {
    [ "$(($(connections) - before - asked))" -eq "$rows" ] || { asked=$((asked + 1)); return 1; }
  }
  until_true counted
  echo "$rows connections for 20000 requests"
  [ "$rows" -ge 20000 ]
  holds_of_events 'all(.comm == "redis-benchmark"[0:15] and .outcome == "ok"
    and .remote_address == "127.0.0.1" and .remote_port == 6379 and .latency_ns > 0)'
}
