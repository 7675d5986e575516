# SPDX-License-Identifier: Apache-2.0
# add_tool(NAME): everything a tool is made of, found by its fixed names (see
# docs/adding-a-tool.md): bpf/NAME.bpf.c -> skeleton, tools/NAME/*.cpp ->
# library tool_NAME (which unit tests link) and the program NAME, man/NAME.8.
set(BPF_FLAGS -g -O2 -target bpf -mcpu=v2 -D__TARGET_ARCH_x86 -Wall -Wextra
              -Werror -Wno-unused-parameter
              -I${CMAKE_SOURCE_DIR}/bpf/include -I${CMAKE_SOURCE_DIR}/bpf
              -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})

function(add_bpf_skeleton name)
  set(object ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  set(skeleton ${CMAKE_BINARY_DIR}/bpf/${name}.skel.h)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bpf
    COMMAND ${BPF_CLANG} ${BPF_FLAGS} -MD -MF ${object}.d -MT ${skeleton}
            -c ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c -o ${object}
    COMMAND ${LLVM_STRIP} -g ${object}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}.new
    COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.new ${skeleton}
    DEPENDS ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c
    DEPFILE ${object}.d
    VERBATIM)
  add_custom_target(skeleton_${name} DEPENDS ${skeleton})
endfunction()

# The rendered man page as a C++ string literal, for --man.
function(embed_man_page name)
  embed_text(${CMAKE_SOURCE_DIR}/man/${name}.8
             ${CMAKE_BINARY_DIR}/man/${name}_man_page.h man_page)
  add_custom_target(man_page_${name}
                    DEPENDS ${CMAKE_BINARY_DIR}/man/${name}_man_page.h)
endfunction()

function(add_tool name)
  add_bpf_skeleton(${name})
  embed_man_page(${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/${name}/*.cpp)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/tools/${name}/main.cpp)
  add_library(tool_${name} STATIC ${sources})
  add_dependencies(tool_${name} skeleton_${name} man_page_${name})
  target_include_directories(tool_${name} PUBLIC
    ${CMAKE_SOURCE_DIR}/tools/${name} ${CMAKE_SOURCE_DIR}/bpf)
  target_include_directories(tool_${name} SYSTEM PUBLIC
    ${CMAKE_BINARY_DIR}/bpf ${CMAKE_BINARY_DIR}/man)
  target_link_libraries(tool_${name} PUBLIC libcommon)
  add_executable(${name} ${CMAKE_SOURCE_DIR}/tools/${name}/main.cpp)
  target_link_libraries(${name} PRIVATE tool_${name})
endfunction()
