# SPDX-License-Identifier: Apache-2.0
# embed_text(FILE HEADER NAME): a rule for a header that has the text of a file
# as the string NAME. The rule runs this file with the same three as variables;
# the text is cut into raw strings short enough for every compiler (the standard
# promises 65,536 bytes a literal).
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(embed_text file header name)
    add_custom_command(
      OUTPUT ${header}
      COMMAND ${CMAKE_COMMAND} -DFILE=${file} -DHEADER=${header} -DNAME=${name}
              -P ${EMBED_SCRIPT}
      DEPENDS ${file} ${EMBED_SCRIPT}
      VERBATIM)
  endfunction()
  return()
endif()

file(READ ${FILE} text)
string(LENGTH "${text}" length)
set(body "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 part)
  string(APPEND body "R\"EMBED(${part})EMBED\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${HEADER} "#pragma once\ninline constexpr char ${NAME}[] = \"\"\n${body};\n")
