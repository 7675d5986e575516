#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats: variables of the helpers
# tcpconnect on programs that people run, in a network of the test's own: what the
# server has accepted, strace and the program itself say what there was.

bats_require_minimum_version 1.5.0
load helpers
load connect_helpers
load apt
setup() {
  e2e_setup
  new_host
}
teardown() { e2e_teardown; }

# accept_at ADDRESS PORT [DIRECTORY]: a server that writes whom it has accepted into
# accepted.PORT.
accept_at() {
  "${there[@]}" "$python" "$BATS_TEST_DIRNAME/http_server.py" "$@" >"accepted.$2" 3>&- 4>&- &
  started+=("$!")
  until_true grep -sq ready "accepted.$2"
}

# Not a wrapper that is another process.
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')

# same_as_accepted PORT: the connections to it are those that its server has seen,
# which may come to it when the client has gone already.
same_as_accepted() {
  records "select(.type == \"event\" and .remote_port == $1 and .outcome == \"ok\").local_port" out.json |
    sort >seen
  [ -s seen ]
  has_accepted() { [ "$(grep -vc ready "accepted.$1")" -ge "$(wc -l <seen)" ]; }
  until_true has_accepted "$1"
  grep -v ready "accepted.$1" | sort | diff - seen
}

@test "apt-get update and install: a connection for each that the server accepts" {
  new_archive
  new_apt http://localhost:8000
  accept_at 127.0.0.1 8000 archive
  watch -- "${there[@]}" APT_CONFIG="$PWD/apt/conf" \
    strace -ff -yy -o trace -e trace=connect \
    sh -c 'apt-get -q update && apt-get -q -y install small'
  [ "$status" -eq 0 ]
  same_as_accepted 8000
  # Each name has two addresses, the first of which refuses.
  holds_of_events 'all(.comm == "http" and .parent_comm == "apt-get" and .remote_port == 8000)
    and (map(select(.remote_address == "::1")) | length > 0 and all(.outcome == "refused"))
    and (map(select(.remote_address == "127.0.0.1")) | length > 5 and all(.outcome == "ok"))'
  # What the resolver tries by UDP, to sort addresses, is none.
  cat trace.* | grep -q '<UDP'
  cat trace.* | sed -nE 's/^connect\([0-9]+<TCP.*htons\(([0-9]+)\).*(127\.0\.0\.1|::1).*/\1 \2/p' >expected
  records 'select(.type == "event") | "\(.remote_port) \(.remote_address)"' out.json >seen
  diff <(sort expected) <(sort seen)
}

@test "apt-get whose archive is down" {
  new_apt http://127.0.0.1:8000
  watch -- "${there[@]}" APT_CONFIG="$PWD/apt/conf" \
    strace -ff -yy -o trace -e trace=connect apt-get -q -o Acquire::Retries=0 update
  cat trace.* | grep -c '^connect([0-9]*<TCP' >expected
  [ "$(events '.outcome == "refused" and .comm == "http"')" -eq "$(<expected)" ]
  [ "$(events true)" -eq "$(<expected)" ]
}

asyncio_clients() {
  cat <<'PY'
import asyncio

def said(port, error, local=0):
    print(port, error, local)

async def connect(host, port, **options):
    try:
        _, writer = await asyncio.open_connection(host, port, **options)
    except OSError as error:
        said(port, error.errno)
        return
    said(port, 0, writer.get_extra_info("sockname")[1])
    writer.close()

async def give_up(port):
    try:
        await asyncio.wait_for(connect("127.0.0.1", port), 0.05)
    except asyncio.TimeoutError:
        said(port, 0)

async def main():
    await asyncio.gather(*(connect("127.0.0.1", 8000) for _ in range(200)),
                         *(connect("127.0.0.1", 8001) for _ in range(50)),
                         *(connect("::1", 8002) for _ in range(30)),
                         *(give_up(8003) for _ in range(20)))
    # By name; the first of its addresses refuses.
    for _ in range(10):
        said(8000, 111)
        await connect("localhost", 8000, happy_eyeballs_delay=0.25)

asyncio.run(main())
PY
}

@test "asyncio: many at once, refused, given up, and by happy eyeballs" {
  accept_at 127.0.0.1 8000
  on_input "$host" tcp dport 8003 drop
  asyncio_clients >clients.py
  watch -- "${there[@]}" "$python" clients.py
  [ "$status" -eq 0 ]
  same_as_said
  same_as_accepted 8000
  holds_of_events 'length == 320
    and (map(select(.outcome == "ok")) | length == 210 and all(.latency_ns > 0 and .remote_port == 8000))
    and (map(select(.outcome == "aborted")) | length == 20
      and all(.remote_port == 8003 and .latency_ns > 0))
    and (map(select(.family == "inet6" and .outcome == "refused")) | length == 40)'
}

node_clients() {
  cat <<'JS'
const net = require("net");
const said = (port, error, local = 0) => console.log(port, error, local);
const connect = (options) => new Promise((resolve) => {
  const socket = net.connect(options);
  socket.on("connect", () => {
    said(options.port, 0, socket.localPort);
    socket.destroy();
  });
  socket.on("error", (error) => said(options.port, -error.errno));
  socket.on("close", resolve);
});
async function main() {
  const all = [];
  for (let i = 0; i < 200; ++i) all.push(connect({ host: "127.0.0.1", port: 8000 }));
  for (let i = 0; i < 50; ++i) all.push(connect({ host: "127.0.0.1", port: 8001 }));
  await Promise.all(all);
  // By name; the first of its addresses refuses.
  for (let i = 0; i < 10; ++i) {
    said(8000, 111);
    await connect({ host: "localhost", port: 8000, autoSelectFamily: true });
  }
}
main();
JS
}

@test "Node: many at once, refused, and by happy eyeballs" {
  command -v node >/dev/null || skip "no node"
  # Before 18.13 it tries only one of a name's addresses.
  node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 18 || (major == 18 && minor >= 13) ? 0 : 1)' ||
    skip "this node tries one address only"
  accept_at 127.0.0.1 8000
  node_clients >clients.js
  watch -- "${there[@]}" node clients.js
  [ "$status" -eq 0 ]
  same_as_said
  same_as_accepted 8000
  holds_of_events 'length == 270 and all(.comm == "node")
    and (map(select(.remote_address == "::1")) | length == 10 and all(.outcome == "refused"))'
}
