# SPDX-License-Identifier: Apache-2.0
# add_room(NAME SOURCES ... [DEPENDS ...]): one folder of libcommon as a static
# library `room_NAME`; headers are included as "room/file.h".
function(add_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(room_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(room_${name} PUBLIC ${CMAKE_SOURCE_DIR}/libcommon
                                                 ${CMAKE_SOURCE_DIR}/bpf/include)
  target_link_libraries(room_${name} PUBLIC fmt_library ${ROOM_DEPENDS})
endfunction()
