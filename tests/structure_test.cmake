# Fails on what no compiler sees: an include against the direction of the layers, a contract without
# its `ref` kernel or its CUDA kernel, an op or contract without its test, a folder without README.
#   cmake -DROOT=<repository> -P structure_test.cmake
cmake_minimum_required(VERSION 3.25)
set(failures 0)

function(fail text)
  message("structure: ${text}")
  math(EXPR count "${failures} + 1")
  set(failures ${count} PARENT_SCOPE)
endfunction()

# Contracts that have no CUDA kernel yet. This list may only shrink.
set(contracts_without_cuda)

# What each folder may include of the project. apps and tests may include anything.
set(layers kernels engine nn models io apps tests)
set(allowed_kernels kernels)
set(allowed_engine engine kernels)
set(allowed_nn nn engine kernels)
set(allowed_models models nn engine kernels)
set(allowed_io io kernels)

foreach(folder kernels engine nn models io)
  file(GLOB_RECURSE files ${ROOT}/${folder}/*.h ${ROOT}/${folder}/*.cpp ${ROOT}/${folder}/*.cu
       ${ROOT}/${folder}/*.cuh)
  foreach(file ${files})
    file(RELATIVE_PATH name ${ROOT} ${file})
    file(STRINGS ${file} includes REGEX "^#include \"")
    foreach(include ${includes})
      string(REGEX REPLACE "^#include \"([a-z0-9_]+)/.*" "\\1" from "${include}")
      if(from IN_LIST layers AND NOT from IN_LIST allowed_${folder})
        fail("${name}: ${folder}/ may not include ${include}")
      endif()
      # Above the kernels only the contracts are seen, never one backend's own files.
      if(NOT folder STREQUAL "kernels" AND include MATCHES "\"kernels/[a-z0-9_]+/")
        fail("${name}: only kernels/ may include ${include}")
      endif()
    endforeach()
  endforeach()
endforeach()

# A contract is a header of kernels/ that declares a struct <Name>Kernels.
file(GLOB headers ${ROOT}/kernels/*.h)
foreach(header ${headers})
  file(STRINGS ${header} declaration REGEX "^struct [A-Za-z0-9]+Kernels")
  if(NOT declaration)
    continue()
  endif()
  get_filename_component(name ${header} NAME_WE)
  if(NOT EXISTS ${ROOT}/kernels/ref/${name}.cpp)
    fail("contract ${name}: no kernels/ref/${name}.cpp")
  endif()
  if(EXISTS ${ROOT}/kernels/cuda/${name}.cu)
    if(name IN_LIST contracts_without_cuda)
      fail("contract ${name} has a CUDA kernel now: take it off the list in this test")
    endif()
  elseif(NOT name IN_LIST contracts_without_cuda)
    fail("contract ${name}: no kernels/cuda/${name}.cu")
  endif()
  if(NOT EXISTS ${ROOT}/tests/kernels/${name}_test.cpp)
    fail("contract ${name}: no tests/kernels/${name}_test.cpp")
  endif()
endforeach()

file(GLOB ops ${ROOT}/engine/ops/*.cpp)
foreach(op ${ops})
  get_filename_component(name ${op} NAME_WE)
  if(NOT EXISTS ${ROOT}/tests/ops/${name}_test.cpp)
    fail("op ${name}: no tests/ops/${name}_test.cpp")
  endif()
endforeach()

foreach(folder . kernels kernels/ref kernels/cpu kernels/cuda kernels/cuda/vendor kernels/simt engine nn models io apps apps/demo
        tests tests/peers tests/golden)
  if(NOT EXISTS ${ROOT}/${folder}/README.md)
    fail("${folder}: no README.md")
  endif()
endforeach()

if(failures GREATER 0)
  message(FATAL_ERROR "structure: ${failures} faults")
endif()
message("structure: no fault")
