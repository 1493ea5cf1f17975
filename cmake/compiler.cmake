# Language flags, warnings and sanitizers for every target.
# Warnings are errors: a warning that may stay is a warning nobody reads.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
                    -Woverloaded-virtual -Wcast-qual -Wimplicit-fallthrough)
# a*b+c must round twice on every ISA unless a kernel asks for FMA by name: results stay comparable.
add_compile_options(-ffp-contract=off)
add_compile_options(-fno-math-errno -fno-trapping-math)
if(LODE_SANITIZE)
  # Half the compile time of -O3, and reports whose lines can be trusted.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
else()
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O3 -g1")
endif()
# Asserts guard against bugs of ours and stay on in every build (base/assert.h): no NDEBUG.

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(LODE_CCACHE ccache)
  if(LODE_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${LODE_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${LODE_CCACHE})
  endif()
endif()

if(LODE_SANITIZE)
  add_compile_options(-fsanitize=${LODE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LODE_SANITIZE})
  if(LODE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports false positives of these two under sanitizers.
    add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow)
  endif()
endif()

# Without coverage of the libraries a fuzzer is blind: it would see its own file only.
if(LODE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
