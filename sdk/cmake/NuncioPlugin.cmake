# What builds plugins, in nuncio's own tree and, through find_package(nuncio), anywhere else.
#
# nuncio_add_plugin(NAME SOURCES a.cc … [LIBRARIES lib …] [TESTS a_test.cc …] [CHECK_OPTIONS file]
#     [AUTH_BACKEND])
#
# Builds NAME.so as nuncio loads it: no prefix, no SONAME, no undefined symbols, only the descriptor
# exported. It lands in ${CMAKE_BINARY_DIR}/plugins (or auth-backends), and `cmake --install` puts it
# where the server looks. TESTS become one doctest program `NAME-test`, linked with the plugin's
# objects. A test `NAME-check` lets `nuncio-plugin check` look at the file and torture it for
# NUNCIO_TORTURE_ROUNDS rounds, with the options of CHECK_OPTIONS (as in its table in conf.d) where
# it does not start without. `nuncio-plugins` builds all of them, without tests.
#
# nuncio_add_plugin_test(NAME SOURCES a_test.cc … [LIBRARIES lib …] [PLUGINS name …])
#
# A doctest program against the test kit (<nuncio/testkit.h>): a server inside the program that
# loads the plugins of this build. PLUGINS are built before it.
include(GNUInstallDirs)

# Flags that are not optional: `nuncio-plugin build` and nuncio.pc give the same ones.
#  - g++ makes inline statics and ordinary library templates unique in the whole process: dlclose
#    then does nothing, and two generations share them. clang never does.
#  - What a plugin does not mean to export must not take the place of anything else.
#  - A missing symbol is found by the linker, or at load: never when the call is made.
#  - The build id tells generations apart and finds debug information of a copy.
set(NUNCIO_PLUGIN_GNU_COMPILE_FLAGS -fno-gnu-unique)
set(NUNCIO_PLUGIN_COMPILE_FLAGS -fPIC -fvisibility=hidden -fvisibility-inlines-hidden)
set(NUNCIO_PLUGIN_LINK_FLAGS -Wl,--exclude-libs,ALL -Wl,--build-id -Wl,-z,now -Wl,-z,relro
    -Wl,-z,noexecstack)
set(NUNCIO_PLUGIN_DEFS_FLAG -Wl,-z,defs)

if(NOT DEFINED NUNCIO_TORTURE_ROUNDS)
    set(NUNCIO_TORTURE_ROUNDS 20)
endif()
if(NOT TARGET nuncio-plugins)
    add_custom_target(nuncio-plugins)
endif()

function(nuncio_add_plugin name)
    cmake_parse_arguments(PLUGIN "AUTH_BACKEND" "CHECK_OPTIONS" "SOURCES;LIBRARIES;TESTS" ${ARGN})
    if(PLUGIN_UNPARSED_ARGUMENTS OR NOT PLUGIN_SOURCES)
        message(FATAL_ERROR "nuncio_add_plugin(${name}): expected SOURCES, and perhaps LIBRARIES, "
            "TESTS, CHECK_OPTIONS, AUTH_BACKEND; ${PLUGIN_UNPARSED_ARGUMENTS}")
    endif()
    add_library(${name} MODULE ${PLUGIN_SOURCES})
    target_link_libraries(${name} PRIVATE nuncio::sdk ${PLUGIN_LIBRARIES})
    add_dependencies(nuncio-plugins ${name})
    if(PLUGIN_AUTH_BACKEND)
        set(room auth-backends)
    else()
        set(room plugins)
    endif()
    # The server has libnuncio already; a path in the plugin could only find another one.
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so" NO_SONAME ON
        CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        SKIP_BUILD_RPATH ON INSTALL_RPATH ""
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${room})
    target_compile_options(${name} PRIVATE ${NUNCIO_PLUGIN_COMPILE_FLAGS})
    target_link_options(${name} PRIVATE ${NUNCIO_PLUGIN_LINK_FLAGS})
    # clang leaves the sanitizer's symbols to the executable, so the check is made without it.
    if(NOT "${NUNCIO_SANITIZE} ${CMAKE_CXX_FLAGS}" MATCHES "address|thread|undefined|-fsanitize")
        target_link_options(${name} PRIVATE ${NUNCIO_PLUGIN_DEFS_FLAG})
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${name} PRIVATE ${NUNCIO_PLUGIN_GNU_COMPILE_FLAGS})
    endif()
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/nuncio/${room})
    if(NOT NUNCIO_TESTS)
        return()
    endif()
    if(PLUGIN_TESTS)
        nuncio_add_unit_test(${name}-test SOURCES $<TARGET_OBJECTS:${name}> ${PLUGIN_TESTS}
            LIBRARIES nuncio::sdk ${PLUGIN_LIBRARIES})
    endif()
    set(options)
    if(PLUGIN_CHECK_OPTIONS)
        get_filename_component(file ${PLUGIN_CHECK_OPTIONS} ABSOLUTE)
        set(options --options ${file})
    endif()
    add_test(NAME ${name}-check COMMAND nuncio::nuncio-plugin check ${options}
        --torture ${NUNCIO_TORTURE_ROUNDS} $<TARGET_FILE:${name}>)
    set_tests_properties(${name}-check PROPERTIES TIMEOUT 120)
endfunction()

function(nuncio_add_plugin_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LIBRARIES;PLUGINS" ${ARGN})
    if(TEST_UNPARSED_ARGUMENTS OR NOT TEST_SOURCES)
        message(FATAL_ERROR "nuncio_add_plugin_test(${name}): expected SOURCES, and perhaps "
            "LIBRARIES, PLUGINS; ${TEST_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT NUNCIO_TESTS)
        return()
    endif()
    nuncio_add_unit_test(${name} SOURCES ${TEST_SOURCES} LIBRARIES nuncio::testkit ${TEST_LIBRARIES})
    if(TEST_PLUGINS)
        add_dependencies(${name} ${TEST_PLUGINS})
    endif()
    if(NUNCIO_TESTKIT_PLUGINS) # in nuncio's own tree: what every test's server runs
        add_dependencies(${name} ${NUNCIO_TESTKIT_PLUGINS})
    endif()
endfunction()

# nuncio_add_unit_test(NAME SOURCES … LIBRARIES …): one doctest program, run by ctest.
function(nuncio_add_unit_test name)
    cmake_parse_arguments(UNIT "" "" "SOURCES;LIBRARIES" ${ARGN})
    if(NOT TARGET nuncio-doctest-main)
        find_path(NUNCIO_DOCTEST doctest/doctest.h)
        if(NOT NUNCIO_DOCTEST)
            message(FATAL_ERROR "${name} needs doctest (Debian: apt install doctest-dev); or configure "
                "with -DNUNCIO_TESTS=OFF")
        endif()
        add_library(nuncio-doctest-main STATIC ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/doctest_main.cc)
        target_include_directories(nuncio-doctest-main PUBLIC ${NUNCIO_DOCTEST})
        target_compile_features(nuncio-doctest-main PUBLIC cxx_std_20)
    endif()
    add_executable(${name} ${UNIT_SOURCES})
    target_link_libraries(${name} PRIVATE ${UNIT_LIBRARIES} nuncio-doctest-main)
    target_compile_options(${name} PRIVATE ${NUNCIO_UNIT_TEST_FLAGS})
    # Beside the plugins, where the test kit looks for them.
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
        CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
