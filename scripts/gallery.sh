#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# gallery.sh: docs/gallery.md and its pictures, from real programs that run for
# it here and now. Needs root, and the packages of the groups demo, test and
# heavy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly page=docs/gallery.md pictures=docs/gallery
top=$PWD
work=$(mktemp -d)
chmod 755 "$work"
end_all() {
  [[ ! -d $work/postgres/data ]] || as_postgres "$server/pg_ctl" -D "$work/postgres/data" \
    -m immediate stop >/dev/null || true
  rm -rf "$work"
}
trap end_all EXIT
((EUID == 0)) || { echo "$0: needs root" >&2; exit 1; }
mkdir -p "$pictures"

# What a picture is of shall not be this machine's name, and its kernel's only as
# far as others have it. All else is as it is.
record() {
  unshare --uts sh -c 'hostname db1 && exec "$@"' - cpuprof -q "$@"
  sed -i '1s/\("kernel":"[0-9.]*\)[^"]*/\1/' ./*.json
}
render() { cpuprof --from "$1" -o "$top/$pictures/$2" "${@:3}"; }

# section TITLE: its text follows from standard input.
section() { printf '\n## %s\n\n' "$1" && cat; }
picture() { printf '\n![%s](gallery/%s)\n' "$2" "$1"; }
table() { printf '\n```\n' && head -n 16 "$1" && printf '```\n'; }

export PATH=$top/build/bin:$PATH
cd "$work"
cat >"$work/words.cpp" <<'END'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<std::string>> words;
  std::regex pattern("([a-z]+)([0-9]*)");
  std::mt19937 random(1);
  for (int i = 0; i < 2000000; ++i) {
    std::string line(1 + random() % 8, static_cast<char>('a' + random() % 26));
    line += std::to_string(random() % 1000);
    std::smatch match;
    if (std::regex_match(line, match, pattern))
      words[match[1]].push_back(match[2]);
  }
  std::size_t all = 0;
  for (auto& [word, numbers] : words) {
    std::sort(numbers.begin(), numbers.end());
    all += numbers.size();
  }
  std::cout << all << '\n';
}
END

cat >"$work/server.js" <<'END'
const crypto = require('crypto');
function route(request) { return JSON.parse(request.body).items.filter(i => i.price > 10); }
function render(items) { return items.map(i => `<li>${i.name}: ${i.price}</li>`).join('\n'); }
function sign(page) { return crypto.createHash('sha256').update(page).digest('hex'); }
function handle(request) { const page = render(route(request)); return page + sign(page); }
const items = Array.from({length: 400}, (_, i) => ({name: 'item ' + i, price: i % 37}));
const body = JSON.stringify({items});
const end = Date.now() + 4000;
let bytes = 0;
while (Date.now() < end) bytes += handle({body}).length;
END

as_postgres() {
  (cd / && exec setpriv --reuid=postgres --regid=postgres --clear-groups "$@")
}

start_postgres() {
  local folders=(/usr/lib/postgresql/*/bin)
  server=${folders[-1]}
  install -d -o postgres "$work/postgres"
  as_postgres "$server/initdb" -D "$work/postgres/data" -A trust >/dev/null
  as_postgres "$server/pg_ctl" -D "$work/postgres/data" -w -l "$work/postgres/log" \
    -o "-k $work/postgres -c listen_addresses=" start >/dev/null
  as_postgres "$server/pgbench" -h "$work/postgres" postgres -q -i -s 2 2>/dev/null
}

compiler() {
  record -F 499 -o compiler.json -- clang++-14 -std=c++17 -O2 -c words.cpp
  render compiler.json compiler.svg
  section "A compiler" <<'END'
Debian's libLLVM has no frame pointers. Kernel frames stand upon the user frames
that they work for.

    cpuprof -F 499 -o flame.svg -- clang++-14 -std=c++17 -O2 -c words.cpp
END
  picture compiler.svg "A flame graph of clang"
}

database() {
  start_postgres
  as_postgres "$server/pgbench" -h "$work/postgres" postgres -c 4 -T 8 >pgbench.out 2>&1 &
  record -d 5s -F 299 -n '^postgres$' -o postgres.json
  wait
  render postgres.json postgres.svg -o postgres.txt
  section "A database under load" <<'END'
PostgreSQL under pgbench, all its processes together, and the same samples as a
table:

    cpuprof -d 5s -F 299 -n '^postgres$' -o flame.svg -o -
END
  picture postgres.svg "A flame graph of PostgreSQL"
  table postgres.txt
}

generated_code() {
  record -F 199 -o node.json -- node --perf-basic-prof-only-functions \
    --interpreted-frames-native-stack server.js
  rm -f /tmp/perf-"$(jq -s 'map(select(.process == "node").pid)[0]' node.json)".map
  render node.json node.svg
  section "Generated code" <<'END'
Node: what V8 has generated has a hue of its own, and native code stands below and
above it. The walk goes through both.

    cpuprof -F 199 -o flame.svg -- node --perf-basic-prof-only-functions \
      --interpreted-frames-native-stack server.js
END
  picture node.svg "A flame graph of Node"
}

inlined_calls() {
  g++ -g -O2 -o words words.cpp
  record -F 299 --inline -o inlined.json -- ./words >words.out
  render inlined.json inlined.svg --icicle
  section "Inlined calls, and from the top" <<'END'
What the compiler has put into other functions is a frame of its own here, from
debug information. An icicle hangs from its root.

    cpuprof -F 299 --inline --icicle -o flame.svg -- ./words
END
  picture inlined.svg "An icicle graph with inlined calls"
}

difference() {
  record -F 499 -o before.json -- clang++-14 -std=c++17 -O0 -c words.cpp
  record -F 499 -o after.json -- clang++-14 -std=c++17 -O2 -c words.cpp
  cpuprof --diff before.json after.json -o "$top/$pictures/difference.svg" -o difference.txt
  section "What changed" <<'END'
The same compiler without and with optimization: red where a share has grown, blue
where it has shrunk. The table has what is more than chance explains.

    cpuprof -F 499 -o before.json -- clang++-14 -std=c++17 -O0 -c words.cpp
    cpuprof -F 499 -o after.json -- clang++-14 -std=c++17 -O2 -c words.cpp
    cpuprof --diff before.json after.json -o diff.svg -o -
END
  picture difference.svg "A flame graph of a difference"
  table difference.txt
}

{
  cat <<'END'
<!-- SPDX-License-Identifier: Apache-2.0 -->
# Gallery

Pictures that `make gallery` has made, of real programs. Each is one file without
references to others; opened by itself in a browser it can be searched, zoomed and
walked through with the keyboard (see cpuprof(8), "Flame graph").
END
  compiler
  database
  generated_code
  inlined_calls
  difference
} >page.md
mv page.md "$top/$page"
(cd "$top" && ls -l "$page" "$pictures")
