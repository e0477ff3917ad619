# NUNCIO_PRECOMPILE: the headers that nearly every file reads are parsed once for each set of flags
# instead of once for each file. Included after all targets are known.
#
# Sources do not rely on it: each includes what it uses, and the presets that go without (dev, abi,
# fuzz) find what somebody forgot. g++ takes a precompiled header only for the flags it was made with
# (-fPIC or -fPIE, -O…, -fsanitize=…); where it could not, -Winvalid-pch says so.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(STATUS "NUNCIO_PRECOMPILE was tried with g++ alone; this compiler goes without")
    return()
endif()

set(standard algorithm array atomic charconv chrono deque filesystem fstream functional map memory mutex
    optional set sstream string string_view thread unordered_map variant vector)
list(TRANSFORM standard REPLACE "(.+)" "<\\1>")
set(sdk nuncio/plugin.h nuncio/script.h)
list(TRANSFORM sdk REPLACE "(.+)" "<\\1>")
# What most of the kernel reads; who works on the kernel works in the preset dev.
set(kernel context generation plugin_host server virtual_host)
list(TRANSFORM kernel REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/kernel/\\1.h")

# The headers of a program of tests. An object library: nobody waits for it to be linked.
function(precompile_for_tests name)
    cmake_parse_arguments(TESTS "" "" "HEADERS;LIBRARIES" ${ARGN})
    file(CONFIGURE OUTPUT ${name}.cc CONTENT "// A target has a source.\n")
    add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
    target_link_libraries(${name} PRIVATE nuncio-doctest-main ${TESTS_LIBRARIES})
    target_compile_options(${name} PRIVATE -fPIE ${NUNCIO_UNIT_TEST_FLAGS})
    target_precompile_headers(${name} PRIVATE <doctest/doctest.h> ${TESTS_HEADERS})
endfunction()

# Defined for the library alone, it would keep everybody else from sharing; nothing asks for it.
set_target_properties(nuncio PROPERTIES DEFINE_SYMBOL "")
target_precompile_headers(nuncio PRIVATE ${standard} ${sdk})
target_precompile_headers(nuncio-kernel PRIVATE ${standard} ${sdk} ${kernel})
if(NUNCIO_TESTS)
    precompile_for_tests(nuncio-precompiled-tests HEADERS ${standard} ${sdk} LIBRARIES nuncio::sdk)
    precompile_for_tests(nuncio-precompiled-kernel-tests HEADERS ${standard} ${sdk} ${kernel}
        LIBRARIES nuncio-kernel)
endif()

function(all_targets folder out)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
    foreach(subfolder ${subfolders})
        all_targets(${subfolder} more)
        list(APPEND targets ${more})
    endforeach()
    set(${out} ${targets} PARENT_SCOPE)
endfunction()

# Who shares which: told by what is linked. Programs that are no tests are few and small.
all_targets(${CMAKE_SOURCE_DIR} targets)
list(REMOVE_ITEM targets nuncio-headers-alone) # each of them alone: that is its point
foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    get_target_property(own ${target} PRECOMPILE_HEADERS)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    set(shared "")
    if(type STREQUAL "EXECUTABLE" AND nuncio-doctest-main IN_LIST libraries)
        if(nuncio-kernel IN_LIST libraries)
            set(shared nuncio-precompiled-kernel-tests)
        elseif(libraries MATCHES "nuncio(;|::)") # nuncio itself, nuncio::sdk, nuncio::testkit
            set(shared nuncio-precompiled-tests)
        endif()
    elseif(type MATCHES "LIBRARY" AND libraries MATCHES "(^|;)nuncio(;|::|$)")
        set(shared nuncio)
    endif()
    if(shared AND NOT own)
        target_precompile_headers(${target} REUSE_FROM ${shared})
    endif()
    if(shared OR own)
        target_compile_options(${target} PRIVATE -fpch-preprocess) # asked for by ccache; else of no effect
        # Through a precompiled header g++ 12 forgets that what it complains of is in the standard
        # library's headers: known false alarms, which it keeps to itself without one.
        target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overread
            -Wno-stringop-overflow -Wno-restrict)
    endif()
endforeach()
