// read_hdf5 and write_hdf5: round trips, conversions, refusals, and damaged files. The odd files
// are made with the HDF5 library itself.
#include "io/hdf5_weights.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <limits>
#include <random>
#include <span>

#include "tests/io/hdf5_files.h"
#include "tests/io/pictures.h"
#include "tests/support/thread_counts.h"

namespace tl {
namespace {

using namespace test;

template <class T>
Array array_of(std::vector<int64_t> shape, const std::vector<T>& values) {
  return Array::copy_of<T>(std::move(shape), values);
}

template <class T>
std::vector<T> values_of(const Array& array) {
  const auto span = array.as<T>();
  return {span.begin(), span.end()};
}

/// While it lives, a write past so many bytes of a file fails, as all do on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_before_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_before_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_before_)(int);
  rlimit before_{};
};

TEST_CASE("Hdf5Handle: a close that fails is an error, and is not tried again") {
  static int closed = 0;
  const auto failing = [](hid_t) -> herr_t { return ++closed, -1; };
  {
    Hdf5Handle handle(7, failing, "w.h5");
    CHECK(error_of([&] { handle.close("w.h5"); }).starts_with("w.h5: "));
  }
  CHECK(closed == 1);
}

WeightsFile hdf5_sample() {
  WeightsFile file;
  file.arrays = {{"layer1.0.conv1.weight", array_of<float>({2, 3}, {1, -2, 3.5f, 0, 1e-30f, 7})},
                 {"a/b/c", array_of<double>({2}, {0.1, -1e300})},
                 {"a/b/labels", array_of<int32_t>({2, 1}, {-5, 2147483647})},
                 {"a/picture", array_of<uint8_t>({3}, {0, 128, 255})},
                 {"Scalar", array_of<float>({}, {4.25f})},
                 {"empty", array_of<float>({0, 3}, {})}};
  file.attributes = {{"model", "resnet18"}, {"note", ""}, {"utf8", "b\xc3\xa4r\n{\"x\":1}"}};
  return file;
}

void check_equal(const WeightsFile& read, const WeightsFile& written) {
  CHECK(read.attributes == written.attributes);
  REQUIRE(read.arrays.size() == written.arrays.size());
  for (size_t i = 0; i < read.arrays.size(); ++i) {
    const auto& [name, a] = read.arrays[i];
    const auto& [expected_name, b] = written.arrays[i];
    CHECK(name == expected_name);
    CHECK(a.shape == b.shape);
    CHECK(a.dtype == b.dtype);
    REQUIRE(a.bytes() == b.bytes());
    CHECK((a.bytes() == 0 || std::memcmp(a.data.get(), b.data.get(), a.bytes()) == 0));
  }
}

/// What read_hdf5 says of a file, without the path that it must start with.
std::string read_refusal(const std::filesystem::path& path) {
  const std::string text = error_of([&] { read_hdf5(path); }), prefix = path.string() + ": ";
  if (text.empty()) return "";
  CHECK(text.starts_with(prefix));
  CHECK(is_one_line(text));
  return text.substr(std::min(prefix.size(), text.size()));
}

TEST_CASE("hdf5: what was written is read, in order") {
  const TemporaryFolder folder;
  write_hdf5(folder / "a.h5", hdf5_sample());
  check_equal(read_hdf5(folder / "a.h5"), hdf5_sample());
  const WeightsFile read = read_hdf5(folder / "a.h5");
  CHECK(read.find("a/b/c") != nullptr);
  CHECK(read.find("a/b") == nullptr);
  CHECK_THROWS_AS(read.arrays[0].second.as<double>(), Error);
  write_hdf5(folder / "a.h5", read);  // arrays may lie in the file's own shared memory
  check_equal(read_hdf5(folder / "a.h5"), hdf5_sample());
  write_hdf5(folder / "b.h5", hdf5_sample());
  CHECK(read_bytes(folder / "a.h5") == read_bytes(folder / "b.h5"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("hdf5: a file in memory is read like one on disk, its errors name no file") {
  const TemporaryFolder folder;
  write_hdf5(folder / "w.h5", hdf5_sample());
  const std::vector<uint8_t> bytes = read_bytes(folder / "w.h5");
  const auto file = std::as_bytes(std::span(bytes));
  check_equal(read_hdf5(file), hdf5_sample());
  CHECK(error_of([&] { read_hdf5(file.first(100)); }) == "truncated HDF5 file");
  CHECK(error_of([&] { read_hdf5(file.subspan(1)); }) == "not an HDF5 file");
  CHECK(error_of([&] { read_hdf5(file.first(0)); }) == "empty file");
}

TEST_CASE("hdf5: arrays outlive the file and its WeightsFile") {
  const TemporaryFolder folder;
  write_hdf5(folder / "a.h5", hdf5_sample());
  Array kept = read_hdf5(folder / "a.h5").arrays[1].second;
  std::filesystem::remove(folder / "a.h5");
  CHECK(values_of<double>(kept) == std::vector<double>{0.1, -1e300});
}

TEST_CASE("hdf5: many arrays, megabytes of them") {
  const TemporaryFolder folder;
  WeightsFile file;
  for (int i = 0; i < 300; ++i) {
    std::vector<float> values(static_cast<size_t>(20'000 + i));
    for (size_t k = 0; k < values.size(); ++k)
      values[k] = static_cast<float>(k * 7 + static_cast<size_t>(i));
    const auto n = static_cast<int64_t>(values.size());
    file.arrays.emplace_back(concat("w", i), array_of<float>({n}, values));
  }
  write_hdf5(folder / "a.h5", file);
  check_equal(read_hdf5(folder / "a.h5"), file);
}

TEST_CASE("hdf5: threads write files at once, each as it would alone") {
  const TemporaryFolder folder;
  WeightsFile weights;
  for (int i = 0; i < 40; ++i)
    weights.arrays.emplace_back(concat("layer", i, "/weight"),
                                array_of<float>({100, 10}, std::vector<float>(1000, 0.5F)));
  write_hdf5(folder / "alone.h5", weights);
  const RestoreThreadCount restore;
  set_thread_count(4);
  parallel_for(16, [&](int64_t i, int) { write_hdf5(folder / concat(i, ".h5"), weights); });
  for (int i = 0; i < 16; ++i)
    CHECK(read_bytes(folder / concat(i, ".h5")) == read_bytes(folder / "alone.h5"));
}

TEST_CASE("hdf5: other element types become ours") {
  const TemporaryFolder folder;
  make_hdf5(folder / "a.h5", [](hid_t file) {
    const std::vector<float> floats{1.5f, -0.25f, 65504};
    const Hdf5Handle half(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "f16");
    H5Tset_fields(half.get(), 15, 10, 5, 0, 10);
    H5Tset_precision(half.get(), 16);
    H5Tset_size(half.get(), 2);
    H5Tset_ebias(half.get(), 15);
    put(file, "f16", half.get(), H5T_NATIVE_FLOAT, {3}, floats.data());
    put(file, "f32be", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, {3}, floats.data());
    const std::vector<int64_t> wide{-2147483648ll, 2147483647ll, 9};
    put(file, "i64", H5T_STD_I64LE, H5T_NATIVE_INT64, {3}, wide.data());
    const std::vector<int> small{1, 2, 127};
    put(file, "i8", H5T_STD_I8LE, H5T_NATIVE_INT, {3}, small.data());
    put(file, "u16", H5T_STD_U16BE, H5T_NATIVE_INT, {3}, small.data());
    const Hdf5Handle boolean(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose, "bool");
    int8_t no = 0, yes = 1;
    H5Tenum_insert(boolean.get(), "FALSE", &no);
    H5Tenum_insert(boolean.get(), "TRUE", &yes);
    const std::vector<int8_t> flags{1, 0, 1};
    put(file, "bool", boolean.get(), boolean.get(), {3}, flags.data());
    const Hdf5Handle chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "chunked");
    const hsize_t chunk = 2;
    H5Pset_chunk(chunked.get(), 1, &chunk);
    H5Pset_deflate(chunked.get(), 9);
    put(file, "zipped", H5T_IEEE_F64BE, H5T_NATIVE_FLOAT, {3}, floats.data(), chunked.get());
    H5Lcreate_hard(file, "f32be", file, "tied", H5P_DEFAULT, H5P_DEFAULT);
  });
  const WeightsFile file = read_hdf5(folder / "a.h5");
  const auto get = [&](const char* name) {
    const Array* array = file.find(name);
    REQUIRE(array != nullptr);
    return *array;
  };
  CHECK(values_of<float>(get("f16")) == std::vector<float>{1.5f, -0.25f, 65504});
  CHECK(values_of<float>(get("f32be")) == std::vector<float>{1.5f, -0.25f, 65504});
  CHECK(values_of<int32_t>(get("i64")) == std::vector<int32_t>{-2147483647 - 1, 2147483647, 9});
  CHECK(values_of<int32_t>(get("i8")) == std::vector<int32_t>{1, 2, 127});
  CHECK(values_of<int32_t>(get("u16")) == std::vector<int32_t>{1, 2, 127});
  CHECK(values_of<uint8_t>(get("bool")) == std::vector<uint8_t>{1, 0, 1});
  CHECK(values_of<double>(get("zipped")) == std::vector<double>{1.5, -0.25, 65504});
  CHECK(get("tied").data == get("f32be").data);
  CHECK(file.arrays.front().first == "bool");  // no creation order in this file: bytewise by name
}

TEST_CASE("hdf5: attributes that are one string, of both kinds") {
  const TemporaryFolder folder;
  make_hdf5(folder / "a.h5", [](hid_t file) {
    const Hdf5Handle fixed(H5Tcopy(H5T_C_S1), H5Tclose, "fixed");
    H5Tset_size(fixed.get(), 8);
    const Hdf5Handle one(H5Screate(H5S_SCALAR), H5Sclose, "one");
    const Hdf5Handle text(
        H5Acreate2(file, "backend", fixed.get(), one.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
        "text");
    H5Awrite(text.get(), fixed.get(), "theano\0");
    const hsize_t two = 2;
    const Hdf5Handle pair(H5Screate_simple(1, &two, nullptr), H5Sclose, "two");
    const Hdf5Handle names(
        H5Acreate2(file, "names", fixed.get(), pair.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
        "names");
    const Hdf5Handle number(
        H5Acreate2(file, "version", H5T_STD_I32LE, one.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
        "number");
  });
  const auto attributes = read_hdf5(folder / "a.h5").attributes;
  CHECK(attributes == std::map<std::string, std::string>{{"backend", "theano"}});
}

TEST_CASE("hdf5: refusals name the file and the cause") {
  const TemporaryFolder folder;
  CHECK(read_refusal(folder / "missing.h5") == "No such file or directory");
  CHECK(read_refusal(folder.path()) == "is a folder, expected a file");
  write_bytes(folder / "empty.h5", {});
  CHECK(read_refusal(folder / "empty.h5") == "empty file");
  write_bytes(folder / "text.h5", std::vector<uint8_t>(5000, 'x'));
  CHECK(read_refusal(folder / "text.h5") == "not an HDF5 file");
  const auto refused = [&](const std::function<void(hid_t)>& body) {
    make_hdf5(folder / "x.h5", body);
    return read_refusal(folder / "x.h5");
  };
  CHECK(refused([](hid_t file) {
          H5Lcreate_external("/etc/other.h5", "/x", file, "away", H5P_DEFAULT, H5P_DEFAULT);
        }) == "away: is a link to another file, which is refused");
  CHECK(refused([](hid_t file) { H5Lcreate_soft("/x", file, "soft", H5P_DEFAULT, H5P_DEFAULT); }) ==
        "soft: is a link to another place, which is refused");
  CHECK(refused([](hid_t file) {
          H5Lcreate_hard(file, "/", file, "loop", H5P_DEFAULT, H5P_DEFAULT);
        }) == "loop/: a group inside itself or with two names");
  CHECK(refused([](hid_t file) {
          const Hdf5Handle outside(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "outside");
          H5Pset_external(outside.get(), "/etc/passwd", 0, 16);
          put(file, "w", H5T_STD_U8LE, H5T_NATIVE_UINT8, {16}, nullptr, outside.get());
        }) == "w: its data lie in another file, which is refused");
  CHECK(refused([](hid_t file) {
          put(file, "w", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1u << 20, 1u << 10}, nullptr);
        }) == "w: was never written");
  CHECK(refused([](hid_t file) {
          const hsize_t chunk[] = {4096};
          const Hdf5Handle chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "chunked");
          H5Pset_chunk(chunked.get(), 1, chunk);
          const hsize_t size[] = {hsize_t{1} << 33}, one[] = {1}, zero[] = {0};
          const Hdf5Handle space(H5Screate_simple(1, size, nullptr), H5Sclose, "space");
          const Hdf5Handle memory(H5Screate_simple(1, one, nullptr), H5Sclose, "memory");
          const Hdf5Handle dataset(H5Dcreate2(file, "w", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT,
                                              chunked.get(), H5P_DEFAULT),
                                   H5Dclose, "w");
          H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, zero, nullptr, one, nullptr);
          const float value = 1;
          H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, memory.get(), space.get(), H5P_DEFAULT, &value);
        }) ==
        "w: states 8589934592 elements of 4 bytes, stored in 16384 bytes, over the limit of "
        "1032 to one; store it with gzip alone");
  CHECK(refused([](hid_t file) {
          const std::vector<float> values(100, 1);
          const hsize_t chunk = 50;
          const Hdf5Handle packed(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "packed");
          H5Pset_chunk(packed.get(), 1, &chunk);
          H5Pset_filter(packed.get(), 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);
          put(file, "w", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {100}, values.data(), packed.get());
        }) ==
        "w: is packed by LZF, which needs a plugin; store it with gzip or as it is "
        "(h5repack -f NONE)");
  CHECK(refused([](hid_t file) {
          const Hdf5Handle text(H5Tcopy(H5T_C_S1), H5Tclose, "text");
          put(file, "words", text.get(), text.get(), {2}, "ab");
        }) == "words: holds text, expected numbers");
}

TEST_CASE("hdf5: a disk that is full is one line, and leaves the old file") {
  const TemporaryFolder folder;
  write_hdf5(folder / "w.h5", hdf5_sample());
  WeightsFile large;
  large.arrays = {{"x", array_of<float>({100000}, std::vector<float>(100000, 1))}};
  const FileSizeLimit limit(200000);
  CHECK(error_of([&] { write_hdf5(folder / "w.h5", large); }) ==
        (folder / "w.h5").string() + ": File too large");
  check_equal(read_hdf5(folder / "w.h5"), hdf5_sample());
  CHECK(folder.entries() == 1);
}

TEST_CASE("hdf5: names and strings that would not come back are not written") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name) {
    WeightsFile file;
    file.arrays = {{name, array_of<float>({1}, {1})}};
    const std::string text = error_of([&] { write_hdf5(folder / "a.h5", file); });
    CHECK((text.empty() || is_one_line(text)));
    return !text.empty();
  };
  for (const char* name : {"", "/a", "a/", "a//b", "./a", "a/./b"}) CHECK(refused(name));
  CHECK(refused(std::string("a\0b", 3)));
  CHECK(folder.entries() == 0);
  CHECK(!refused("a.b/..c"));

  WeightsFile twice;
  twice.arrays = {{"a", array_of<float>({1}, {1})}, {"a", array_of<float>({1}, {1})}};
  CHECK(error_of([&] {
          write_hdf5(folder / "b.h5", twice);
        }).ends_with("a: two arrays of that name"));
  twice.arrays = {{"a", array_of<float>({1}, {1})}, {"a/b", array_of<float>({1}, {1})}};
  CHECK(is_one_line(error_of([&] { write_hdf5(folder / "b.h5", twice); })));
  CHECK(folder.entries() == 1);
  CHECK(is_one_line(error_of([&] { write_hdf5(folder / "no/such/a.h5", hdf5_sample()); })));
}

TEST_CASE("hdf5: truncation anywhere is one line") {
  const TemporaryFolder folder;
  write_hdf5(folder / "a.h5", hdf5_sample());
  const auto whole = read_bytes(folder / "a.h5");
  for (size_t part = 0; part < 20; ++part) {
    CAPTURE(part);
    write_bytes(
        folder / "cut.h5",
        {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 20)});
    CHECK(read_refusal(folder / "cut.h5") == (part == 0 ? "empty file" : "truncated HDF5 file"));
  }
}

TEST_CASE("hdf5: flipped bytes give arrays or one line") {
  const TemporaryFolder folder;
  write_hdf5(folder / "new.h5", hdf5_sample());
  make_hdf5(folder / "old.h5", [](hid_t file) {
    const std::vector<float> values(500, 1.5f);
    const Hdf5Handle chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "chunked");
    const hsize_t chunk = 100;
    H5Pset_chunk(chunked.get(), 1, &chunk);
    H5Pset_shuffle(chunked.get());
    H5Pset_deflate(chunked.get(), 6);
    for (const char* name : {"a", "b", "c"}) {
      put(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {500}, values.data(), chunked.get());
    }
    const Hdf5Handle group(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                           "g");
    put(group.get(), "d", H5T_STD_I64LE, H5T_NATIVE_FLOAT, {500}, values.data());
  });
  std::mt19937_64 random(11);
  int refused = 0;
  for (const char* name : {"new.h5", "old.h5"}) {
    const auto whole = read_bytes(folder / name);
    std::vector<size_t> busy;  // most bytes of a small file are zeros that nothing reads
    for (size_t i = 0; i < whole.size(); ++i) {
      if (whole[i] != 0) busy.push_back(i);
    }
    for (int round = 0; round < 150; ++round) {
      auto damaged = whole;
      for (int flips = 0; flips <= round % 3; ++flips) {
        const size_t near = busy[random() % busy.size()] + random() % 9;
        damaged[std::min(near, damaged.size() - 1)] = static_cast<uint8_t>(random());
      }
      write_bytes(folder / "damaged.h5", damaged);
      refused += !read_refusal(folder / "damaged.h5").empty();
    }
  }
  CHECK(refused > 30);
}

}  // namespace
}  // namespace tl
