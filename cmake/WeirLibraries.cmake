# Third-party libraries, one `weir_lib_<name>` each; a module names those it uses in the `libs:`
# line of its deps.txt. All come from Debian packages; nothing is downloaded here. A library whose
# package is missing is only an error for a target that uses it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(weir_lib name)
  add_library(weir_lib_${name} INTERFACE)
  target_link_libraries(weir_lib_${name} INTERFACE ${ARGN})
endfunction()

function(weir_lib_pkg name module)
  pkg_check_modules(WEIR_${name} QUIET IMPORTED_TARGET ${module})
  if(TARGET PkgConfig::WEIR_${name})
    weir_lib(${name} PkgConfig::WEIR_${name})
  endif()
endfunction()

# Boost 1.81, headers only: Asio, Beast and URL are compiled once, in net.
find_path(WEIR_BOOST_INCLUDE boost/url.hpp
  HINTS ${WEIR_BOOST_ROOT}/usr/include ${WEIR_BOOST_ROOT} REQUIRED)
weir_lib(boost)
target_include_directories(weir_lib_boost SYSTEM INTERFACE ${WEIR_BOOST_INCLUDE})
target_compile_definitions(weir_lib_boost INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME)
target_link_libraries(weir_lib_boost INTERFACE Threads::Threads)

weir_lib_pkg(json nlohmann_json)
weir_lib_pkg(yaml yaml-cpp)
weir_lib_pkg(fmt fmt)
weir_lib_pkg(spdlog spdlog)
weir_lib_pkg(re2 re2)
weir_lib_pkg(sqlite sqlite3)
weir_lib_pkg(openssl openssl)
weir_lib_pkg(zlib zlib)
weir_lib_pkg(prometheus prometheus-cpp-core)
weir_lib_pkg(rabbitmq librabbitmq)
weir_lib_pkg(cli11 CLI11)
weir_lib_pkg(jemalloc jemalloc)
if(WEIR_TESTS)
  find_package(GTest REQUIRED)
  weir_lib(gtest GTest::gtest)
endif()
weir_lib(threads Threads::Threads)
