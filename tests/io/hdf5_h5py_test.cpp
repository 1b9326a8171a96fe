// Files that h5py wrote (tests/peers/hdf5_files.py): every form of the format, type and way to
// store numbers comes to the same numbers.
#include <doctest/doctest.h>

#include <set>

#include "io/read_weights.h"
#include "tests/io/pictures.h"
#include "tests/support/unpacked_golden.h"

namespace tl {
namespace {

using namespace test;

double number(size_t i) { return static_cast<double>(i * 7 % 41) - 20; }

void check_numbers(const Array& array) {
  size_t wrong = 0;
  const auto count = [&]<class T>(T) {
    const auto values = array.as<T>();
    for (size_t i = 0; i < values.size(); ++i) wrong += static_cast<double>(values[i]) != number(i);
  };
  switch (array.dtype) {
    case DType::f32:
      count(float());
      break;
    case DType::f64:
      count(double());
      break;
    case DType::i32:
      count(int32_t());
      break;
    default:
      FAIL(array.dtype);
  }
  CHECK(wrong == 0);
}

TEST_CASE("hdf5 of h5py: every form, type and way to store is the same numbers") {
  for (const char* name : {"earliest", "v108", "v110", "in_order", "user_block"}) {
    CAPTURE(std::string(name));
    const UnpackedGolden golden(concat("hdf5/", name, ".h5"));
    const WeightsFile file = read_weights(golden.path());
    CHECK(file.attributes == std::map<std::string, std::string>{{"backend", "tensorflow"}});
    std::set<std::string> ways;
    for (const auto& [path, array] : file.arrays) {
      CAPTURE(path);
      if (path != "scalar") CHECK(array.shape == std::vector<int64_t>{5, 4, 3});
      const bool is_double = path.ends_with("f8"),
                 is_integer = path.find("/be_i") != path.npos || path.find("/i") != path.npos;
      CHECK(array.dtype == (is_double ? DType::f64 : is_integer ? DType::i32 : DType::f32));
      check_numbers(array);
      ways.insert(path.substr(0, path.find('/')));
    }
    CHECK(ways == std::set<std::string>{"a", "all", "chunked", "contiguous", "fletcher32",
                                        "growing", "gzip", "gzip_shuffle", "layer1.0.conv1.weight",
                                        "scalar", "scaleoffset", "tied"});
    CHECK(file.arrays.size() == 24 + 5 * 4 + 2 + 4 - 1);
    CHECK(file.find("tied")->data == file.find("a/b/c/d")->data);
    // The root has the order in which things were made, the groups that h5py made along have none.
    const std::string first = file.arrays.front().first;
    CHECK(first == (std::string(name) == "in_order" ? "contiguous/be_f2" : "a/b/c/d"));
  }
}

TEST_CASE("hdf5 of h5py: the newest form is read, or said to be too new") {
  // Written by HDF5 2.0; Debian 12's library is 1.10.8.
  const UnpackedGolden golden("hdf5/latest.h5");
  const std::string text = error_of([&] { read_weights(golden.path()); });
  if (text.empty()) {
    CHECK(read_weights(golden.path()).arrays.size() == 49);
    return;
  }
  CHECK(text.find(": damaged HDF5 file, or of a form that is newer than HDF5 ") != text.npos);
  CHECK(
      text.ends_with(" reads (all/be_f2: bad version number for layout message); h5py writes "
                     "older ones with libver='earliest'"));
}

TEST_CASE("hdf5 of h5py: a filter of its own is refused by name, with the remedy") {
  const UnpackedGolden golden("hdf5/lzf.h5");
  CHECK(
      error_of([&] { read_weights(golden.path()); }) ==
      golden.path().string() +
          ": conv1.weight: is packed by LZF, which needs a plugin; store it with gzip or as it is "
          "(h5repack -f NONE)");
}

}  // namespace
}  // namespace tl
