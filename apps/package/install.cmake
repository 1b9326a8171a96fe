# What `cmake --install` and CPack take: the programs (component "programs"), and the libraries with
# their headers and CMake package (component "development"), for find_package(tlrun).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS tlrun tlbench COMPONENT programs)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)

set(libraries tl_options tl_kernels tl_engine tl_nn tl_models tl_io tl_apps)
if(TL_SIMT)
  list(APPEND libraries tl_simt)
endif()
if(TARGET tl_cuda)
  list(APPEND libraries tl_cuda)
endif()
install(TARGETS ${libraries} EXPORT tlrun ARCHIVE COMPONENT development)
# Public headers: the contracts, not one backend's own files.
foreach(folder kernels engine nn models io apps)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tlrun COMPONENT development
          FILES_MATCHING PATTERN "*.h"
          PATTERN ref EXCLUDE PATTERN cpu EXCLUDE PATTERN cuda EXCLUDE PATTERN simt EXCLUDE
          PATTERN demo EXCLUDE PATTERN bench EXCLUDE PATTERN example EXCLUDE PATTERN package EXCLUDE
          PATTERN onnx EXCLUDE PATTERN export.h EXCLUDE
          PATTERN "command*.h" EXCLUDE)
endforeach()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/tlrun)
install(EXPORT tlrun NAMESPACE tlrun:: FILE tlrunTargets.cmake DESTINATION ${package}
        COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/tlrunConfig.cmake.in
  ${PROJECT_BINARY_DIR}/tlrunConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tlrunConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tlrunConfig.cmake ${PROJECT_BINARY_DIR}/tlrunConfigVersion.cmake
        DESTINATION ${package} COMPONENT development)

# `cpack --config build/release/CPackConfig.cmake` in the build folder writes tlrun_*.deb and
# tlrun-dev_*.deb.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tlrun)
set(CPACK_PACKAGE_CONTACT "the authors of tlrun <tlrun@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "fine-tune a pretrained ResNet on a folder of pictures")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL programs development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME tlrun)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME tlrun-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libhwy-dev, libhdf5-dev, libjpeg-dev, libwebp-dev, zlib1g-dev")
include(CPack)
