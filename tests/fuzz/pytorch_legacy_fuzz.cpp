#include "io/pytorch_file.h"
#include "tests/fuzz/fuzz_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return tl::test::fuzz(tl::read_pytorch_legacy, data, size);
}
