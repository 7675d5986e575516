# SPDX-License-Identifier: Apache-2.0
# add_room(NAME SOURCES ... [DEPENDS ...]): one folder of libcommon as a static
# library `room_NAME`; headers are included as "room/file.h".
include(GNUInstallDirs)

function(add_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(room_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(room_${name} PUBLIC
    "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/libcommon>"
    "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/bpf/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/sightline>")
  target_compile_features(room_${name} PUBLIC cxx_std_23)
  target_link_libraries(room_${name} PUBLIC fmt_library ${ROOM_DEPENDS})
  # As other programs know it (cmake/InstallLibrary.cmake).
  set_target_properties(room_${name} PROPERTIES
    OUTPUT_NAME sightline_${name} EXPORT_NAME ${name})
endfunction()
