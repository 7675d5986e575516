// SPDX-License-Identifier: Apache-2.0
// Two libraries from one source, for random_chains: the same functions under
// other names (LETTER) and with other frames (ROOM words).
#include "known.h"
#include "random_chains.h"

#define JOIN(letter, part) swap_##letter##_##part
#define NAME(letter, part) JOIN(letter, part)

typedef void Last(struct Walk*);
void NAME(LETTER, out)(struct Walk* walk, Last* last);

KNOWN static void NAME(LETTER, in)(struct Walk* walk, Last* last) {
  volatile uint64_t room[ROOM];
  room[0] = walk->ends;
  last(walk);
  walk->sum += room[0];
}

KNOWN static void NAME(LETTER, mid)(struct Walk* walk, Last* last) {
  volatile uint64_t room[ROOM * 3];
  room[0] = walk->ends;
  NAME(LETTER, in)(walk, last);
  walk->sum += room[0];
}

KNOWN void NAME(LETTER, out)(struct Walk* walk, Last* last) {
  volatile uint64_t room[ROOM + 5];
  room[0] = walk->ends;
  NAME(LETTER, mid)(walk, last);
  walk->sum += room[0];
}
