# nuncio_add_plugin(NAME SOURCES a.cc … [LIBRARIES lib …] [TESTS a_test.cc …] [AUTH_BACKEND])
#
# Builds NAME.so as nuncio loads it: no prefix, no SONAME, no undefined symbols, only the descriptor
# exported. TESTS become one doctest program `NAME-test`, linked with the plugin's sources.
# `nuncio-plugins` builds all of them, without tests.
add_custom_target(nuncio-plugins)
function(nuncio_add_plugin name)
    cmake_parse_arguments(PLUGIN "AUTH_BACKEND" "" "SOURCES;LIBRARIES;TESTS" ${ARGN})
    add_library(${name} MODULE ${PLUGIN_SOURCES})
    target_link_libraries(${name} PRIVATE nuncio::sdk ${PLUGIN_LIBRARIES})
    add_dependencies(nuncio-plugins ${name})
    if(PLUGIN_AUTH_BACKEND)
        set(room auth-backends)
    else()
        set(room plugins)
    endif()
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so" NO_SONAME ON
        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${room})
    target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL -Wl,--build-id)
    # clang leaves the sanitizer's symbols to the executable, so the check is made without it.
    if(NOT NUNCIO_SANITIZE)
        target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${name} PRIVATE -fno-gnu-unique)
    endif()
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/nuncio/${room})
    if(PLUGIN_TESTS AND NUNCIO_TESTS)
        nuncio_add_unit_test(${name}-test SOURCES ${PLUGIN_SOURCES} ${PLUGIN_TESTS}
            LIBRARIES nuncio::sdk ${PLUGIN_LIBRARIES})
    endif()
endfunction()

# nuncio_add_unit_test(NAME SOURCES … LIBRARIES …): one doctest program, run by ctest.
function(nuncio_add_unit_test name)
    cmake_parse_arguments(UNIT "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_executable(${name} ${UNIT_SOURCES})
    target_link_libraries(${name} PRIVATE ${UNIT_LIBRARIES} nuncio-doctest-main)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
