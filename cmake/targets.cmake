# One target a folder. `lode_library(NAME DEPS...)` takes every .cc of the calling folder, so adding
# a file is adding a file. DEPS are targets: the link line mirrors the include table, and
# tools/tidy.py checks the includes themselves.
function(lode_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  file(GLOB nested CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/policies/*.cc)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/gemm/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/conv/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/dwconv/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/pool/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/eltwise/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/reduce/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/quantize/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/qconv/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/qdwconv/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/qeltwise/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/qpool/*.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/peak/*.cc)
  list(APPEND sources ${nested} ${kernels})
  if(NOT sources)
    # A folder without code yet is a library all the same, so that its CMakeLists.txt needs no case.
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cc)
    file(CONFIGURE OUTPUT ${sources} CONTENT "")
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARGN})
  lode_isa_flags(${sources})
endfunction()

# lode_test(NAME DEPS...): one GoogleTest program from every *_test.cc of the calling folder.
function(lode_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE LODE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # What is tested is optimised; the tests themselves need not be, and compile in half the time.
  target_compile_options(${name} PRIVATE -O1)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS unit)
endfunction()
