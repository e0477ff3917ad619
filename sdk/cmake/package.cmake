# The SDK as a package of its own: `cmake --install BUILD --component sdk`.
include(CMakePackageConfigHelpers)
file(STRINGS include/nuncio/abi.h abi REGEX "int abi_number = [0-9]+")
string(REGEX REPLACE ".*abi_number = ([0-9]+).*" "\\1" abi "${abi}")

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/nuncio)
configure_package_config_file(cmake/nuncio-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/nuncio-config.cmake
    INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_LIBDIR)
# Another ABI number is another library; within one, what is older is enough.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/nuncio-config-version.cmake
    COMPATIBILITY SameMinorVersion)

file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
list(JOIN NUNCIO_PLUGIN_COMPILE_FLAGS " " compile_flags)
list(JOIN NUNCIO_PLUGIN_GNU_COMPILE_FLAGS " " gnu_flags)
list(JOIN NUNCIO_PLUGIN_LINK_FLAGS " " link_flags)
set(defs_flag ${NUNCIO_PLUGIN_DEFS_FLAG})
configure_file(cmake/nuncio.pc.in nuncio.pc @ONLY)

install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nuncio-config.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/nuncio-config-version.cmake cmake/NuncioPlugin.cmake cmake/doctest_main.cc
    DESTINATION ${package} COMPONENT sdk)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nuncio.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT sdk)
install(DIRECTORY include/nuncio DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(FILES ${fingerprint} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nuncio COMPONENT sdk)
install(TARGETS nuncio EXPORT nuncio-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk
    NAMELINK_COMPONENT sdk)
# kernel/testkit and kernel/plugin-tool add to it.
install(EXPORT nuncio-targets NAMESPACE nuncio:: DESTINATION ${package} COMPONENT sdk)
