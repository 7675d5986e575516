# SPDX-License-Identifier: Apache-2.0
# Writes HEADER with the text of PAGE as `man_page`, cut into raw strings short
# enough for every compiler (the standard promises 65,536 bytes a literal).
file(READ ${PAGE} text)
string(LENGTH "${text}" length)
set(body "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 part)
  string(APPEND body "R\"ROFF(${part})ROFF\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${HEADER} "#pragma once\ninline constexpr char man_page[] = \"\"\n${body};\n")
