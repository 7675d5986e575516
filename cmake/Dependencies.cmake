# SPDX-License-Identifier: Apache-2.0
# The libraries the project stands on, each behind one imported target.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBCAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(LIBDW REQUIRED IMPORTED_TARGET libdw)
pkg_check_modules(LIBLZMA REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(LIBZ REQUIRED IMPORTED_TARGET zlib)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

add_library(fmt_library STATIC ${CMAKE_SOURCE_DIR}/cmake/fmt_library.cpp)

# libiberty has no pkg-config file: it demangles C++ and Rust.
find_path(LIBIBERTY_INCLUDE demangle.h PATH_SUFFIXES libiberty REQUIRED)
find_library(LIBIBERTY_LIBRARY libiberty.a REQUIRED)
add_library(libiberty STATIC IMPORTED)
set_target_properties(libiberty PROPERTIES
  IMPORTED_LOCATION ${LIBIBERTY_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${LIBIBERTY_INCLUDE})

# Headers alone, without a pkg-config file: the wire format of pprof.
find_path(PROTOZERO_INCLUDE protozero/pbf_builder.hpp REQUIRED)
add_library(protozero INTERFACE)
target_include_directories(protozero SYSTEM INTERFACE ${PROTOZERO_INCLUDE})

# A static program needs the archives, and what they themselves need.
add_library(libbpf INTERFACE)
add_library(libcap INTERFACE)
add_library(libdw INTERFACE)
add_library(liblzma INTERFACE)
add_library(libz INTERFACE)
if(SIGHTLINE_STATIC)
  target_link_libraries(libbpf INTERFACE ${LIBBPF_STATIC_LDFLAGS})
  target_link_libraries(libcap INTERFACE ${LIBCAP_STATIC_LDFLAGS})
  target_link_libraries(liblzma INTERFACE ${LIBLZMA_STATIC_LDFLAGS})
  target_link_libraries(libz INTERFACE ${LIBZ_STATIC_LDFLAGS})
  # libdw.pc does not say what unpacks compressed sections.
  target_link_libraries(libdw INTERFACE -ldw -lelf -lbz2 -llzma -lzstd -lz)
else()
  target_link_libraries(libbpf INTERFACE PkgConfig::LIBBPF)
  target_link_libraries(libcap INTERFACE PkgConfig::LIBCAP)
  target_link_libraries(liblzma INTERFACE PkgConfig::LIBLZMA)
  target_link_libraries(libz INTERFACE PkgConfig::LIBZ)
  target_link_libraries(libdw INTERFACE PkgConfig::LIBDW)
endif()

find_program(BPF_CLANG NAMES clang-14 clang REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip-14 llvm-strip REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin REQUIRED)
