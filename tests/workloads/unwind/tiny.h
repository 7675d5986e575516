// SPDX-License-Identifier: Apache-2.0
#pragma once

void tiny_one(void);
void tiny_two(void);
