# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where: the tools with their manual pages and
# completions, found by their fixed names.
include(GNUInstallDirs)

file(GLOB tools RELATIVE ${CMAKE_SOURCE_DIR}/tools
     CONFIGURE_DEPENDS tools/*/main.cpp)
foreach(tool IN LISTS tools)
  cmake_path(GET tool PARENT_PATH tool)
  install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()

foreach(section 7 8)
  install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
          FILES_MATCHING PATTERN "*.${section}" PATTERN common EXCLUDE)
endforeach()

install(DIRECTORY completions/bash/
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY completions/zsh/
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(DIRECTORY completions/fish/
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(FILES README.md docs/schema.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY LICENSES DESTINATION ${CMAKE_INSTALL_DOCDIR})
