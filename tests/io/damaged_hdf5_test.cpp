// 200 damaged or strange HDF5 files, made from small whole ones with a fixed seed: each gives
// arrays or one line of error, and the process that reads them lives on.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <random>

#include "io/hdf5_weights.h"
#include "tests/io/hdf5_files.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

std::vector<float> counted_floats(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>(i % 37) - 9.5f;
  return values;
}

void put_floats(hid_t file, const char* name, const std::vector<hsize_t>& dims,
                hid_t properties = H5P_DEFAULT) {
  size_t n = 1;
  for (const hsize_t dim : dims) n *= dim;
  put(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, dims, counted_floats(n).data(), properties);
}

/// Names with dots in the root, in the old form of groups.
void fill_flat(hid_t file) {
  put_floats(file, "conv1.weight", {8, 3, 7, 7});
  put_floats(file, "bn1.running_var", {8});
  put_floats(file, "layer1.0.conv1.weight", {8, 8, 3, 3});
  const int64_t steps = 5;
  put(file, "bn1.num_batches_tracked", H5T_STD_I64LE, H5T_NATIVE_INT64, {1}, &steps);
}

void fill_nested(hid_t file) {
  for (const char* group : {"conv1", "layer1", "layer1/0", "layer1/0/conv1", "fc"}) {
    const Hdf5Handle made(H5Gcreate2(file, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                          group);
  }
  put_floats(file, "conv1/weight", {8, 3, 7, 7});
  put_floats(file, "layer1/0/conv1/weight", {8, 8, 3, 3});
  put_floats(file, "fc/bias", {10});
}

void fill_packed(hid_t file) {
  put_floats(file, "conv1.weight", {8, 3, 7, 7}, chunks_of({3, 3, 7, 7}).get());
  put_floats(file, "layer1.0.conv1.weight", {8, 8, 3, 3}, chunks_of({4, 4, 3, 3}, true).get());
  put_floats(file, "fc.weight", {10, 64}, chunks_of({10, 10}, true, true).get());
}

const std::map<std::string, void (*)(hid_t)> kWholeFiles{
    {"flat", fill_flat}, {"nested", fill_nested}, {"packed", fill_packed}};

/// Counts what read_hdf5 makes of files, and checks what must hold for any file.
class Trial {
 public:
  /// The error without the path; "" if there were arrays.
  std::string read(const Bytes& bytes) {
    write_bytes(path_, bytes);
    return read_written();
  }
  std::string read(const std::function<void(hid_t)>& body) {
    make_hdf5(path_, body);
    return read_written();
  }

  int files = 0, refused = 0, crashes = 0;

 private:
  std::string read_written() {
    ++files;
    const auto start = std::chrono::steady_clock::now();
    const std::string text = error_of([&] { touch(read_hdf5(path_)); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    CHECK(seconds.count() < 20);  // the child has 5 s of processor time
    if (text.empty()) return "";
    ++refused;
    crashes += text.find("died of signal") != std::string::npos;
    CHECK(is_one_line(text));
    CHECK(text.size() < 1500);
    const std::string prefix = path_.string() + ": ";
    CHECK(text.starts_with(prefix));
    CHECK(text.size() > prefix.size());
    return text.substr(std::min(prefix.size(), text.size()));
  }

  /// Every byte that an array says it has can be read.
  static void touch(const WeightsFile& file) {
    volatile uint8_t sum = 0;
    for (const auto& [name, array] : file.arrays)
      for (size_t i = 0; i < array.bytes(); ++i)
        sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(array.data.get()[i]));
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "damaged.h5";
};

Bytes whole_file(void (*fill)(hid_t)) {
  const TemporaryFolder folder;
  make_hdf5(folder / "whole.h5", fill);
  return read_bytes(folder / "whole.h5");
}

TEST_CASE("damaged hdf5: 60 truncated files are refused") {
  Trial trial;
  for (const auto& [name, fill] : kWholeFiles) {
    CAPTURE(name);
    const Bytes whole = whole_file(fill);
    CHECK(trial.read(whole) == "");
    for (size_t part = 0; part < 20; ++part) {
      CAPTURE(part);
      const size_t size = part == 19 ? whole.size() - 1 : whole.size() * part / 19;
      const auto end = whole.begin() + static_cast<std::ptrdiff_t>(size);
      const std::string text = trial.read(Bytes(whole.begin(), end));
      CHECK(text == (size == 0 ? "empty file" : "truncated HDF5 file"));
    }
  }
  CHECK(trial.files == 3 + 60);
  CHECK(trial.refused == 60);
}

TEST_CASE("damaged hdf5: 90 files with flipped bits give arrays or one line") {
  Trial trial;
  std::mt19937_64 random(2015);
  for (const auto& [name, fill] : kWholeFiles) {
    CAPTURE(name);
    const Bytes whole = whole_file(fill);
    std::vector<size_t> busy;  // zeros are mostly space that nothing reads
    for (size_t i = 0; i < whole.size(); ++i)
      if (whole[i] != 0) busy.push_back(i);
    for (int round = 0; round < 30; ++round) {
      CAPTURE(round);
      Bytes damaged = whole;
      for (int flips = 0; flips < 1 << (round % 6); ++flips)  // 1 to 32 bits
        damaged[busy[random() % busy.size()]] ^= static_cast<uint8_t>(1u << random() % 8);
      trial.read(damaged);
    }
  }
  CHECK(trial.files == 90);
  CHECK(trial.refused >= 20);  // most flips hit numbers, which any value fits
  CHECK(trial.refused <= 80);
  MESSAGE("flipped bits: ", trial.refused, " of 90 refused, ", trial.crashes,
          " by the end of the reading process");
}

TEST_CASE("damaged hdf5: the library never ends with this file, which a fuzzer made") {
  Trial trial;
  CHECK(trial.read(read_bytes(TL_SOURCE_DIR "/tests/golden/hdf5/endless.h5")) ==
        "took over 5 s or too much memory");
}

/// The same shape of file with one dataset that is not what weights are.
struct Strange {
  const char* what;
  std::function<void(hid_t)> add;
  const char* refusal;  // what the error starts with; nullptr: it is read
};

std::vector<Strange> strange_datasets() {
  const auto typed = [](Hdf5Handle (*make)(), size_t bytes) {
    return [make, bytes](hid_t file) {
      const Hdf5Handle type = make();
      const std::vector<uint8_t> zeros(bytes * 4);
      put(file, "x", type.get(), type.get(), {4}, zeros.data());
    };
  };
  const auto shaped = [](std::vector<hsize_t> dims) {
    return [dims](hid_t file) { put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, dims, nullptr); };
  };
  std::vector<Strange> list;
  list.push_back({"fixed strings",
                  typed(
                      [] {
                        Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "string");
                        H5Tset_size(type.get(), 8);
                        return type;
                      },
                      8),
                  "x: holds text, expected numbers"});
  list.push_back({"variable strings",
                  typed(
                      [] {
                        Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "string");
                        H5Tset_size(type.get(), H5T_VARIABLE);
                        return type;
                      },
                      8),
                  "x: holds text, expected numbers"});
  list.push_back({"compounds",
                  typed(
                      [] {
                        Hdf5Handle type(H5Tcreate(H5T_COMPOUND, 8), H5Tclose, "compound");
                        H5Tinsert(type.get(), "re", 0, H5T_NATIVE_FLOAT);
                        H5Tinsert(type.get(), "im", 4, H5T_NATIVE_FLOAT);
                        return type;
                      },
                      8),
                  "x: holds neither floats nor integers"});
  list.push_back({"opaque",
                  typed([] { return Hdf5Handle(H5Tcreate(H5T_OPAQUE, 2), H5Tclose, "opaque"); }, 2),
                  "x: holds neither floats nor integers"});
  list.push_back({"arrays",
                  typed(
                      [] {
                        const hsize_t three = 3;
                        return Hdf5Handle(H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &three), H5Tclose,
                                          "array");
                      },
                      12),
                  "x: holds neither floats nor integers"});
  list.push_back(
      {"lists",
       typed([] { return Hdf5Handle(H5Tvlen_create(H5T_NATIVE_FLOAT), H5Tclose, "list"); },
             sizeof(hvl_t)),
       "x: holds neither floats nor integers"});
  list.push_back(
      {"references",
       typed([] { return Hdf5Handle(H5Tcopy(H5T_STD_REF_OBJ), H5Tclose, "reference"); }, 8),
       "x: holds neither floats nor integers"});
  list.push_back({"bit fields",
                  typed([] { return Hdf5Handle(H5Tcopy(H5T_STD_B16LE), H5Tclose, "bits"); }, 2),
                  "x: holds neither floats nor integers"});
  list.push_back({"wide enumeration",
                  typed(
                      [] {
                        Hdf5Handle type(H5Tenum_create(H5T_NATIVE_INT32), H5Tclose, "enum");
                        const int zero = 0;
                        H5Tenum_insert(type.get(), "ZERO", &zero);
                        return type;
                      },
                      4),
                  "x: an enumeration of 4 bytes, expected numbers"});
  list.push_back({"floats that f64 does not hold",
                  [](hid_t file) {
                    const std::vector<long double> large{1e4000L};
                    put(file, "x", H5T_NATIVE_LDOUBLE, H5T_NATIVE_LDOUBLE, {1}, large.data());
                  },
                  "damaged or unsupported HDF5 file (x: "});
  list.push_back({"no dataspace",
                  [](hid_t file) {
                    const Hdf5Handle space(H5Screate(H5S_NULL), H5Sclose, "null");
                    const Hdf5Handle dataset(H5Dcreate2(file, "x", H5T_IEEE_F32LE, space.get(),
                                                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                             H5Dclose, "x");
                  },
                  "x: has no shape"});
  list.push_back({"never written", shaped({1000, 1000}), "x: was never written"});
  list.push_back({"17 dimensions", shaped(std::vector<hsize_t>(17, 1)),
                  "x: 17 dimensions, over the limit of 16"});
  list.push_back({"2^62 elements",
                  [](hid_t file) {
                    put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                        {hsize_t{1} << 31, hsize_t{1} << 31}, nullptr, chunks_of({16, 16}).get());
                  },
                  "x: its shape is over the limit of "});
  list.push_back({"soft link",
                  [](hid_t file) { H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT); },
                  "x: is a link to another place, which is refused"});
  list.push_back({"external link",
                  [](hid_t file) {
                    H5Lcreate_external("/etc/passwd", "/y", file, "x", H5P_DEFAULT, H5P_DEFAULT);
                  },
                  "x: is a link to another file, which is refused"});
  list.push_back(
      {"circle of groups",
       [](hid_t file) { H5Lcreate_hard(file, "/", file, "x", H5P_DEFAULT, H5P_DEFAULT); },
       "x/: a group inside itself or with two names"});
  list.push_back({"unknown filter",
                  [](hid_t file) {
                    const Hdf5Handle properties = chunks_of({2});
                    H5Pset_filter(properties.get(), 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
                    put_floats(file, "x", {4}, properties.get());
                  },
                  "x: is packed by Zstandard, which needs a plugin; store it with gzip or"});
  list.push_back({"virtual data",
                  [](hid_t file) {
                    const hsize_t four = 4;
                    const Hdf5Handle space(H5Screate_simple(1, &four, nullptr), H5Sclose, "x");
                    const Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "x");
                    H5Pset_virtual(properties.get(), space.get(), "/etc/passwd", "y", space.get());
                    put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {4}, nullptr,
                        properties.get());
                  },
                  "x: its data lie in other datasets, which is refused"});
  // What is read: names and numbers are the business of whoever asked for the file.
  list.push_back({"scalar", shaped({}), "x: was never written"});
  list.push_back({"empty", shaped({0, 3}), nullptr});
  list.push_back({"rank 5", [](hid_t file) { put_floats(file, "x", {1, 2, 1, 2, 3}); }, nullptr});
  list.push_back({"integers",
                  [](hid_t file) {
                    const std::vector<float> values = counted_floats(6);
                    put(file, "x", H5T_STD_I16BE, H5T_NATIVE_FLOAT, {6}, values.data());
                  },
                  nullptr});
  list.push_back(
      {"a name not in UTF-8", [](hid_t file) { put_floats(file, "b\xe4r", {2}); }, nullptr});
  list.push_back({"a name of two lines", [](hid_t file) { put_floats(file, "a\nb", {2}); },
                  "a?b: a name with a control character, which is refused"});
  return list;
}

TEST_CASE("damaged hdf5: 50 files of wrong shapes and types are read or refused by name") {
  Trial trial;
  int expected = 0;
  for (const Strange& strange : strange_datasets()) {
    for (const auto& fill : {fill_flat, fill_nested}) {
      CAPTURE(std::string(strange.what));
      const std::string text = trial.read([&](hid_t file) {
        fill(file);
        strange.add(file);
      });
      CAPTURE(text);
      CHECK(text.empty() == (strange.refusal == nullptr));
      if (strange.refusal) CHECK(text.starts_with(strange.refusal));
      expected += strange.refusal != nullptr;
    }
  }
  CHECK(trial.files == 50);
  CHECK(trial.refused == expected);
  CHECK(trial.crashes == 0);
}

}  // namespace
}  // namespace tl
