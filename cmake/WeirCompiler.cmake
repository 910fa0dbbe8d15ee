# Compiler, linker and warning settings for every target (STYLE.md, "What enforces it").
# `weir_options` is linked by each of the project's own targets and by nothing else.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2")  # WEIR_CHECK stays on: no NDEBUG
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

add_library(weir_options INTERFACE)
target_include_directories(weir_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(weir_options INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(weir_options INTERFACE
  -Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wcast-qual -Wdouble-promotion -Wformat=2
  -Wimplicit-fallthrough -Wextra-semi -Wundef -Wvla -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 calls the frame allocator of Asio's awaitable mismatched: a false alarm.
  target_compile_options(weir_options INTERFACE -fcoroutines -Wduplicated-cond -Wlogical-op
    -Wno-mismatched-new-delete)
else()
  target_compile_options(weir_options INTERFACE -Wthread-safety -Wdangling)
  find_program(MOLD_PROGRAM mold)
  if(MOLD_PROGRAM)
    target_link_options(weir_options INTERFACE -fuse-ld=mold)
  endif()
endif()
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE} -g1)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
  if(WEIR_SANITIZE MATCHES "undefined")
    target_compile_options(weir_options INTERFACE -fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_compile_options(weir_options INTERFACE -fno-sanitize=function)
    endif()
  endif()
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
