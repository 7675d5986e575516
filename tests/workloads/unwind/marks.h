// SPDX-License-Identifier: Apache-2.0
// Two instructions that do nothing and that no compiler makes: between them
// tests/oracle watches (nopl with a displacement of its own).
#pragma once

#define MARK_BEGIN "\x0f\x1f\x80\x42\x45\x47\x49"
#define MARK_END "\x0f\x1f\x80\x44\x4f\x4e\x45"
#define MARK_SIZE 7
