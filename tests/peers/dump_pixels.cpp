// What our own decoder, resize and crop give for pictures, for preprocess.py.
//
//   dump_pixels --dump FILE... > out
//     per picture "height width\n", the decoded bytes, the crop's bytes, the preprocessed floats;
//     for one that fails "error: text\n"
//   dump_pixels --time REPEATS FILE...
//     one line: milliseconds per picture, best of the repeats, of decoding, of resize and crop, and
//     of the whole of preprocess
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "io/image.h"
#include "io/preprocess.h"

namespace {

template <class T>
void write(const std::vector<T>& values) {
  std::cout.write(reinterpret_cast<const char*>(values.data()),
                  static_cast<std::streamsize>(values.size() * sizeof(T)));
}

int dump(const std::vector<std::string>& files) {
  const tl::Preprocessing preprocessing;
  for (const std::string& file : files) {
    try {
      const tl::Image image = tl::read_image(file);
      std::vector<float> tensor(static_cast<size_t>(preprocessing.size()));
      tl::preprocess(image, preprocessing, tensor.data());
      std::cout << image.height << ' ' << image.width << '\n';
      write(image.rgb);
      write(tl::resize_and_crop(image, preprocessing).rgb);
      write(tensor);
    } catch (const std::exception& error) {
      std::cout << "error: " << error.what() << '\n';
    }
  }
  return 0;
}

int time(int repeats, const std::vector<std::string>& files) {
  using clock = std::chrono::steady_clock;
  const tl::Preprocessing preprocessing;
  std::vector<float> tensor(static_cast<size_t>(preprocessing.size()));
  std::vector<tl::Image> images(files.size());
  double decode = 1e30, crop = 1e30, whole = 1e30;  // best of the repeats
  const auto milliseconds = [&](auto&& body) {
    const auto start = clock::now();
    for (size_t i = 0; i < files.size(); ++i) body(i);
    return std::chrono::duration<double, std::milli>(clock::now() - start).count() /
           static_cast<double>(files.size());
  };
  for (int repeat = 0; repeat < repeats; ++repeat) {
    decode =
        std::min(decode, milliseconds([&](size_t i) { images[i] = tl::read_image(files[i]); }));
    crop = std::min(crop,
                    milliseconds([&](size_t i) { tl::resize_and_crop(images[i], preprocessing); }));
    whole = std::min(whole, milliseconds([&](size_t i) {
                       tl::preprocess(images[i], preprocessing, tensor.data());
                     }));
  }
  std::cout << "decode " << decode << " ms, resize and crop " << crop << " ms, preprocess " << whole
            << " ms\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2 && arguments[0] == "--dump") {
    return dump({arguments.begin() + 1, arguments.end()});
  }
  if (arguments.size() >= 3 && arguments[0] == "--time") {
    return time(std::atoi(arguments[1].c_str()), {arguments.begin() + 2, arguments.end()});
  }
  std::cerr << "usage: dump_pixels --dump FILE... | --time REPEATS FILE...\n";
  return 2;
}
