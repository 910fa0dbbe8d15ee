# Precompiled headers, for builds from nothing (./run demo, ./run check): the third-party headers
# that most files read are parsed once. The dev build goes without, so that a file that forgets an
# include is found there. All targets share one, so all get the same flags.

option(WEIR_PCH "Precompile the common third-party headers" OFF)

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
  add_library(weir_pch OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
  target_link_libraries(weir_pch PRIVATE weir_options)
  set(headers <algorithm> <charconv> <chrono> <cstdint> <deque> <expected> <filesystem> <fstream>
    <functional> <map> <memory> <optional> <set> <string> <string_view> <unordered_map> <utility>
    <variant> <vector> <fmt/format.h> <nlohmann/json.hpp> <boost/asio/awaitable.hpp>
    <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
    <boost/asio/steady_timer.hpp> <boost/asio/this_coro.hpp>)
  if(WEIR_TESTS)
    list(APPEND headers <gtest/gtest.h>)
  endif()
  target_precompile_headers(weir_pch PRIVATE ${headers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(weir_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

function(weir_use_pch)
  if(NOT WEIR_PCH)
    return()
  endif()
  foreach(target ${ARGN})
    target_precompile_headers(${target} REUSE_FROM weir_pch)
  endforeach()
endfunction()
