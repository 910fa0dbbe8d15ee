# Precompiled headers: the third-party headers that most files read are parsed once, which saves a
# third of a build. There are four, and all targets get the same flags: with and without Asio, which
# what does not link net must not see; for sources and for tests, which are compiled without
# optimisation. The g++ build goes without: it finds a forgotten include.

option(WEIR_PCH "Precompile the common third-party headers" ON)

set(WEIR_PCH_HEADERS <algorithm> <charconv> <chrono> <cstdint> <deque> <expected> <filesystem>
  <fstream> <functional> <map> <memory> <optional> <set> <string> <string_view> <unordered_map>
  <utility> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)
set(WEIR_PCH_ASIO <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
  <boost/asio/ip/tcp.hpp> <boost/asio/steady_timer.hpp> <boost/asio/this_coro.hpp>)

function(weir_add_pch name)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
  target_link_libraries(${name} PRIVATE weir_options)
  target_precompile_headers(${name} PRIVATE ${WEIR_PCH_HEADERS} ${ARGN})
endfunction()

function(weir_make_pch)
  if(NOT WEIR_PCH)
    return()
  endif()
  set(libs boost fmt json spdlog threads)
  if(WEIR_TESTS)
    list(APPEND libs gtest)  # its flags
  endif()
  foreach(lib ${libs})
    target_link_libraries(weir_options INTERFACE weir_lib_${lib})
  endforeach()
  target_compile_options(weir_options INTERFACE -pthread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(weir_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  weir_add_pch(weir_pch)
  weir_add_pch(weir_pch_asio ${WEIR_PCH_ASIO})
  if(WEIR_TESTS)
    weir_add_pch(weir_pch_test <gtest/gtest.h>)
    weir_add_pch(weir_pch_test_asio <gtest/gtest.h> ${WEIR_PCH_ASIO})
    target_compile_options(weir_pch_test PRIVATE -O0)
    target_compile_options(weir_pch_test_asio PRIVATE -O0)
  endif()
endfunction()

# Whether one of these modules is net or depends on it, at any depth.
function(weir_reaches_net out)
  set(todo ${ARGN})
  set(seen "")
  while(todo)
    list(POP_FRONT todo module)
    if(NOT module IN_LIST seen)
      list(APPEND seen ${module})
      weir_read_deps(${CMAKE_SOURCE_DIR}/src/${module}/deps.txt deps deps)
      list(APPEND todo ${deps})
    endif()
  endwhile()
  if(net IN_LIST seen)
    set(${out} _asio PARENT_SCOPE)
  else()
    set(${out} "" PARENT_SCOPE)
  endif()
endfunction()

# weir_use_pch(target pch modules...): the PCH, in the form that fits those modules.
function(weir_use_pch target pch)
  if(WEIR_PCH)
    weir_reaches_net(asio ${ARGN})
    target_precompile_headers(${target} REUSE_FROM ${pch}${asio})
  endif()
endfunction()
