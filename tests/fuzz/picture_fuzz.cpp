// Pictures of every format: an Image, or an Error.
#include "io/image.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const tl::Image image = tl::decode_image({data, size});
    volatile uint8_t sum = 0;
    for (const uint8_t byte : image.rgb) sum = static_cast<uint8_t>(sum + byte);
  } catch (const tl::Error&) {
  }
  return 0;
}
