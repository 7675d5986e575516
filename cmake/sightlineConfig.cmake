# SPDX-License-Identifier: Apache-2.0
# find_package(sightline): sightline::symbol, sightline::process and
# sightline::base, which are static and so need what they stand on.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(LIBDW REQUIRED IMPORTED_TARGET libdw)
pkg_check_modules(LIBLZMA REQUIRED IMPORTED_TARGET liblzma)

if(NOT TARGET libiberty)
  find_library(SIGHTLINE_LIBIBERTY libiberty.a REQUIRED)
  add_library(libiberty STATIC IMPORTED)
  set_target_properties(libiberty PROPERTIES
    IMPORTED_LOCATION ${SIGHTLINE_LIBIBERTY})
endif()

include(${CMAKE_CURRENT_LIST_DIR}/sightlineTargets.cmake)
