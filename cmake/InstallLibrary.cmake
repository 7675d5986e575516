# SPDX-License-Identifier: Apache-2.0
# What `make install-dev` puts where: the rooms that another program may link,
# as libraries with their headers, and a CMake package with a target for each
# (docs/library.md). A component of its own: who installs the tools wants none
# of it.
set(rooms base symbol process)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/sightline)

foreach(room IN LISTS rooms)
  list(APPEND libraries room_${room})
  install(DIRECTORY libcommon/${room}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sightline
          COMPONENT dev EXCLUDE_FROM_ALL FILES_MATCHING PATTERN "*.h")
endforeach()
set_target_properties(fmt_library PROPERTIES
  OUTPUT_NAME sightline_fmt EXPORT_NAME fmt)

# What they stand on goes with them by name; the package finds it again.
install(TARGETS ${libraries} fmt_library libdw liblzma EXPORT sightline
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT dev EXCLUDE_FROM_ALL)
install(EXPORT sightline NAMESPACE sightline:: FILE sightlineTargets.cmake
        DESTINATION ${package} COMPONENT dev EXCLUDE_FROM_ALL)

include(CMakePackageConfigHelpers)
write_basic_package_version_file(
  ${CMAKE_BINARY_DIR}/sightlineConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES cmake/sightlineConfig.cmake
              ${CMAKE_BINARY_DIR}/sightlineConfigVersion.cmake
        DESTINATION ${package} COMPONENT dev EXCLUDE_FROM_ALL)
