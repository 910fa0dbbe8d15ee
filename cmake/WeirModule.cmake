# One library a folder of src/, made from that folder's deps.txt, which tools/lint_layers.py reads
# too, so that what links and what may be included cannot drift apart.
#
#   purpose: one sentence
#   pure: yes|no
#   deps: modules that its sources and headers include
#   libs: third-party libraries (cmake/WeirLibraries.cmake)
#   test-deps: further modules that its tests include
#
# src/<module>/*.cc is the library weir_<module>; *_test.cc are the test program <module>_test;
# main.cc, in app alone, is the program weir.

function(weir_read_deps file key out)
  file(STRINGS ${file} line REGEX "^${key}:")
  string(REGEX REPLACE "^${key}:[ ]*" "" line "${line}")
  separate_arguments(items UNIX_COMMAND "${line}")
  set(${out} ${items} PARENT_SCOPE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

function(weir_link target deps libs)
  foreach(dep ${deps})
    target_link_libraries(${target} PUBLIC weir_${dep})
  endforeach()
  foreach(lib ${libs})
    target_link_libraries(${target} PUBLIC weir_lib_${lib})
  endforeach()
endfunction()

# A data file becomes <name>.cc with `extern const std::string_view kName` in weir::<module>: the
# file itself is the source that people read and edit.
function(weir_embed module)
  file(GLOB data CONFIGURE_DEPENDS src/${module}/data/*)
  foreach(path ${data})
    get_filename_component(name ${path} NAME)
    string(MAKE_C_IDENTIFIER ${name} id)
    set(out ${CMAKE_BINARY_DIR}/embed/${module}_${id}.cc)
    add_custom_command(OUTPUT ${out} DEPENDS ${path} ${CMAKE_SOURCE_DIR}/tools/embed.py
      COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/embed.py ${module} ${id} ${path} ${out})
    target_sources(weir_${module} PRIVATE ${out})
  endforeach()
endfunction()

function(weir_add_module module)
  set(file ${CMAKE_SOURCE_DIR}/src/${module}/deps.txt)
  weir_read_deps(${file} deps deps)
  weir_read_deps(${file} libs libs)
  weir_read_deps(${file} test-deps test_deps)
  file(GLOB sources CONFIGURE_DEPENDS src/${module}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  add_library(weir_${module} STATIC ${sources} ${CMAKE_BINARY_DIR}/empty.cc)
  target_link_libraries(weir_${module} PUBLIC weir_options)
  weir_link(weir_${module} "${deps}" "${libs}")
  weir_embed(${module})
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/${module}/main.cc)
    add_executable(weir src/${module}/main.cc)
    target_link_libraries(weir PRIVATE weir_${module})
  endif()
  if(WEIR_TESTS AND tests)
    add_executable(${module}_test ${tests})
    target_link_libraries(${module}_test PRIVATE weir_${module} GTest::gtest GTest::gtest_main)
    weir_link_private(${module}_test "${test_deps}")
    target_compile_definitions(${module}_test PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${module} COMMAND ${module}_test WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(${module} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()

function(weir_link_private target deps)
  foreach(dep ${deps})
    target_link_libraries(${target} PRIVATE weir_${dep})
  endforeach()
endfunction()

function(weir_add_modules)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/empty.cc CONTENT "")  # a module may be headers alone
  file(GLOB files CONFIGURE_DEPENDS src/*/deps.txt)
  foreach(file ${files})
    get_filename_component(dir ${file} DIRECTORY)
    get_filename_component(module ${dir} NAME)
    weir_add_module(${module})
  endforeach()
endfunction()

# workloads/<name>/*.cc is the program <name>, with a deps.txt of the same form.
function(weir_add_workloads)
  file(GLOB files CONFIGURE_DEPENDS workloads/*/deps.txt)
  foreach(file ${files})
    get_filename_component(dir ${file} DIRECTORY)
    get_filename_component(name ${dir} NAME)
    weir_read_deps(${file} deps deps)
    weir_read_deps(${file} libs libs)
    file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
    set(tests ${sources})
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")
    list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
    add_executable(${name} ${sources})
    target_link_libraries(${name} PUBLIC weir_options)
    weir_link(${name} "${deps}" "${libs}")
    if(WEIR_TESTS AND tests)
      set(parts ${sources})
      list(FILTER parts EXCLUDE REGEX "/main\\.cc$")
      add_executable(${name}_test ${tests} ${parts})
      target_link_libraries(${name}_test PUBLIC weir_options GTest::gtest GTest::gtest_main)
      weir_link(${name}_test "${deps}" "${libs}")
      add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
      set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
    endif()
  endforeach()
endfunction()

# fuzz/<module>_<what>_fuzz.cc links the module its name begins with.
function(weir_add_fuzz_targets)
  file(GLOB sources CONFIGURE_DEPENDS fuzz/*_fuzz.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_.*$" "" module ${name})
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE weir_${module})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endfunction()

# bench/<name>.cc is a program that prints its figures.
function(weir_add_benchmarks)
  file(GLOB sources CONFIGURE_DEPENDS bench/*.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(bench_${name} ${source})
    target_link_libraries(bench_${name} PRIVATE weir_app)
  endforeach()
endfunction()
