// read_hdf5: every kind of float, integer, layout and shape that honest files come with.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "io/hdf5_weights.h"
#include "tests/io/hdf5_files.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

template <class T>
std::vector<T> values_in(const WeightsFile& file, const std::string& name) {
  const Array* array = file.find(name);
  REQUIRE(array != nullptr);
  const auto span = array->as<T>();
  return {span.begin(), span.end()};
}

/// Equal, NaN to NaN, and zeros by their sign.
void check_same_floats(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK((std::isnan(a[i]) ? std::isnan(b[i]) : a[i] == b[i]));
    CHECK((std::isnan(a[i]) || std::signbit(a[i]) == std::signbit(b[i])));
  }
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// A dataset whose stored bytes are given: element i is `words[i]` of `Word` as it lies in memory.
template <class Word>
std::vector<float> read_words(hid_t type, const std::vector<Word>& words) {
  const TemporaryFolder folder;
  make_hdf5(folder / "a.h5",
            [&](hid_t file) { put(file, "x", type, type, {words.size()}, words.data()); });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  CHECK(file.find("x")->dtype == DType::f32);
  return values_in<float>(file, "x");
}

TEST_CASE("hdf5: half precision, bit by bit") {
  const std::vector<uint16_t> words{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x83ff,
                                    0x0000, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3555};
  const std::vector<float> values{1, -2,    65504,     0x1p-14f,   0x1p-24f, -0x1.ff8p-15f,
                                  0, -0.0f, kInfinity, -kInfinity, kNan,     0x1.554p-2f};
  check_same_floats(read_words(float_type(5, 10).get(), words), values);
  std::vector<uint16_t> swapped;
  for (const uint16_t word : words) swapped.push_back(static_cast<uint16_t>(word << 8 | word >> 8));
  check_same_floats(read_words(float_type(5, 10, H5T_ORDER_BE).get(), swapped), values);
}

TEST_CASE("hdf5: bf16, bit by bit") {
  const std::vector<uint16_t> words{0x3f80, 0xc000, 0x7f7f, 0x0080, 0x0001, 0x0000,
                                    0x8000, 0x7f80, 0xff80, 0x7fc0, 0x3eab};
  std::vector<float> values;
  for (const uint16_t word : words) {
    const uint32_t bits = uint32_t{word} << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(value);
  }
  CHECK(values[4] == 0x1p-133f);
  check_same_floats(read_words(float_type(8, 7).get(), words), values);
  std::vector<uint16_t> swapped;
  for (const uint16_t word : words) swapped.push_back(static_cast<uint16_t>(word << 8 | word >> 8));
  check_same_floats(read_words(float_type(8, 7, H5T_ORDER_BE).get(), swapped), values);
}

TEST_CASE("hdf5: floats of 8 and 24 bits, and of 10 bytes") {
  check_same_floats(read_words<uint8_t>(float_type(5, 2).get(), {0x3c, 0xc1, 0x7b}),
                    {1, -2.5f, 57344});
  const TemporaryFolder folder;
  const std::vector<double> values{1.5, -0x1.fffffffffffffp1023, 0x1p-1074};
  make_hdf5(folder / "a.h5", [&](hid_t file) {
    put(file, "f24", float_type(7, 16).get(), H5T_NATIVE_DOUBLE, {1}, values.data());
    put(file, "f80", H5T_NATIVE_LDOUBLE, H5T_NATIVE_DOUBLE, {3}, values.data());
    put(file, "f64be", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, {3}, values.data());
  });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  CHECK(values_in<float>(file, "f24") == std::vector<float>{1.5f});
  CHECK(values_in<double>(file, "f80") == values);
  CHECK(values_in<double>(file, "f64be") == values);
}

TEST_CASE("hdf5: scalars of every kind, flat and in groups") {
  const TemporaryFolder folder;
  make_hdf5(folder / "a.h5", [](hid_t file) {
    const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "links");
    H5Pset_create_intermediate_group(links.get(), 1);
    const Hdf5Handle scalar(H5Screate(H5S_SCALAR), H5Sclose, "scalar");
    const auto add = [&](const char* name, hid_t type, double value) {
      const Hdf5Handle dataset(
          H5Dcreate2(file, name, type, scalar.get(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
          H5Dclose, name);
      hdf5_check(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value),
                 name);
    };
    add("bn1.num_batches_tracked", H5T_STD_I64LE, 1234);
    add("layer1/0/bn1/num_batches_tracked", H5T_STD_I64BE, 5);
    add("half", float_type(5, 10).get(), 0.5);
    add("double", H5T_IEEE_F64BE, 0.1);
    add("byte", H5T_STD_U8LE, 200);
  });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  CHECK(file.arrays.size() == 5);
  for (const auto& [name, array] : file.arrays) CHECK(array.shape.empty());
  CHECK(values_in<int32_t>(file, "bn1.num_batches_tracked") == std::vector<int32_t>{1234});
  CHECK(values_in<int32_t>(file, "layer1/0/bn1/num_batches_tracked") == std::vector<int32_t>{5});
  CHECK(values_in<float>(file, "half") == std::vector<float>{0.5f});
  CHECK(values_in<double>(file, "double") == std::vector<double>{0.1});
  CHECK(values_in<uint8_t>(file, "byte") == std::vector<uint8_t>{200});
}

TEST_CASE("hdf5: chunks that do not divide the shape, gzip, shuffle, checksums, of every float") {
  std::vector<float> values(7 * 5 * 3 * 3);  // exact in f16 and bf16
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 128) * (i % 2 ? 0.25f : -1);
  const std::vector<hsize_t> shape{7, 5, 3, 3};
  const TemporaryFolder folder;
  make_hdf5(folder / "a.h5", [&](hid_t file) {
    const Hdf5Handle f16 = float_type(5, 10), bf16 = float_type(8, 7);
    const auto add = [&](const char* name, hid_t type, const Hdf5Handle& chunks) {
      put(file, name, type, H5T_NATIVE_FLOAT, shape, values.data(), chunks.get());
    };
    add("f32", H5T_IEEE_F32LE, chunks_of({4, 2, 3, 2}));
    add("f32be", H5T_IEEE_F32BE, chunks_of({4, 2, 3, 2}, true));
    add("f64", H5T_IEEE_F64LE, chunks_of({7, 5, 3, 3}, true, true));
    add("f16", f16.get(), chunks_of({1, 1, 1, 1}, false, true));
    add("bf16", bf16.get(), chunks_of({3, 5, 2, 3}, true));
    const Hdf5Handle compact(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "compact");
    H5Pset_layout(compact.get(), H5D_COMPACT);
    put(file, "compact", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, shape, values.data(), compact.get());
  });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  CHECK(file.arrays.size() == 6);
  for (const auto& [name, array] : file.arrays) {
    CAPTURE(name);
    CHECK(array.shape == std::vector<int64_t>{7, 5, 3, 3});
    if (name == "f64") {
      CHECK(values_in<double>(file, name) == std::vector<double>(values.begin(), values.end()));
    } else {
      CHECK(values_in<float>(file, name) == values);
    }
  }
}

TEST_CASE("hdf5: integers become i32, and f64 where one does not fit") {
  const TemporaryFolder folder;
  const std::vector<int64_t> small{-2147483648ll, 2147483647, 5},
      large{1, -2147483649ll, 1ll << 62};
  make_hdf5(folder / "a.h5", [&](hid_t file) {
    put(file, "small", H5T_STD_I64LE, H5T_NATIVE_INT64, {3}, small.data());
    put(file, "large", H5T_STD_I64BE, H5T_NATIVE_INT64, {3}, large.data());
    H5Lcreate_hard(file, "large", file, "the same", H5P_DEFAULT, H5P_DEFAULT);
    put(file, "unsigned", H5T_STD_U32LE, H5T_NATIVE_INT64, {1}, &large[0]);
    const uint64_t most = ~uint64_t{0};
    put(file, "most", H5T_STD_U64LE, H5T_NATIVE_UINT64, {1}, &most, chunks_of({1}).get());
    put(file, "behind", H5T_IEEE_F32LE, H5T_NATIVE_INT64, {3}, small.data());
  });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  CHECK(values_in<int32_t>(file, "small") == std::vector<int32_t>{-2147483647 - 1, 2147483647, 5});
  const std::vector<double> nearest{1, -2147483649.0, 0x1p62};
  CHECK(values_in<double>(file, "large") == nearest);
  CHECK(values_in<double>(file, "the same") == nearest);
  CHECK(values_in<int32_t>(file, "unsigned") == std::vector<int32_t>{1});
  CHECK(values_in<double>(file, "most") == std::vector<double>{0x1p64});
  CHECK(values_in<float>(file, "behind") == std::vector<float>{-0x1p31f, 0x1p31f, 5});
}

/// Whether an array lies among the bytes of its file.
bool is_in_place(const SharedBytes& file, const WeightsFile& read, const std::string& name) {
  const std::byte* data = read.find(name)->data.get();
  return data >= file.data.get() && data < file.data.get() + file.size;
}

TEST_CASE(
    "hdf5: what the file holds as an array has it is used where it lies, the rest is copied") {
  const TemporaryFolder folder;
  const std::vector<float> values{1, -2, 3.5f};
  const std::vector<uint8_t> bytes{7, 8, 9};
  make_hdf5(folder / "a.h5", [&](hid_t file) {
    put(file, "f64", H5T_IEEE_F64LE, H5T_NATIVE_FLOAT, {3}, values.data());
    put(file, "f32", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {3}, values.data());
    put(file, "u8", H5T_STD_U8LE, H5T_NATIVE_UINT8, {3}, bytes.data());
    put(file, "odd", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {3}, values.data());  // behind 3 bytes
    put(file, "i32", H5T_STD_I32LE, H5T_NATIVE_FLOAT, {2}, values.data());
    put(file, "other order", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, {3}, values.data());
    put(file, "f16", float_type(5, 10).get(), H5T_NATIVE_FLOAT, {3}, values.data());
    put(file, "chunks", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {3}, values.data(), chunks_of({2}).get());
  });
  for (const size_t before : {0, 512, 1024}) {  // a block of its user's before the file
    CAPTURE(before);
    const std::vector<uint8_t> whole = read_bytes(folder / "a.h5");
    std::vector<uint8_t> blocked(before, 'x');
    blocked.insert(blocked.end(), whole.begin(), whole.end());
    write_bytes(folder / "b.h5", blocked);
    const SharedBytes file = read_shared_bytes(folder / "b.h5");
    const WeightsFile read = read_hdf5(file);
    for (const char* name : {"f32", "odd", "other order", "f16", "chunks"}) {
      CAPTURE(name);
      CHECK(values_in<float>(read, name) == values);
    }
    CHECK(values_in<double>(read, "f64") == std::vector<double>{1, -2, 3.5});
    CHECK(values_in<uint8_t>(read, "u8") == bytes);
    CHECK(values_in<int32_t>(read, "i32") == std::vector<int32_t>{1, -2});
    for (const char* name : {"f32", "f64", "u8"}) CHECK(is_in_place(file, read, name));
    for (const char* name : {"other order", "f16", "chunks"}) CHECK(!is_in_place(file, read, name));
    for (const auto& [name, array] : read.arrays)
      CHECK(reinterpret_cast<uintptr_t>(array.data.get()) % size_of(array.dtype) == 0);
  }
}

}  // namespace
}  // namespace tl
