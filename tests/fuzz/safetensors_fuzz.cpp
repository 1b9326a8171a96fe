#include "io/safetensors.h"
#include "tests/fuzz/fuzz_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return tl::test::fuzz(tl::read_safetensors, data, size);
}
