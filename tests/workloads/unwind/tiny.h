// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void tiny_one(void);
void tiny_two(void);

#ifdef __cplusplus
}
#endif
