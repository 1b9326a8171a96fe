// read_safetensors and write_safetensors: files of the format's own library, round trips, refusals,
// damage.
#include "io/safetensors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "io/float16.h"
#include "tests/io/golden_weights.h"
#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl::test {
namespace {

std::string header_refusal(const std::string& header, const std::string& data = "") {
  return error_of([&] { read_safetensors(shared(safetensors_of(header, data))); });
}

std::string tensor_json(const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
  return "{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets +
         "]}";
}

std::string file_text(const std::filesystem::path& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

WeightsFile safetensors_sample() {
  WeightsFile file;
  const std::vector<uint8_t> bytes{1, 2, 3};
  const std::vector<float> floats{0.5f, -1.25f, 3e38f, -0.0f, 1e-45f, 7};
  const std::vector<double> doubles{0.1};
  const std::vector<int32_t> integers{INT32_MIN, INT32_MAX};
  const std::vector<BFloat16> halves{BFloat16(1.5f), BFloat16(-3.0f)};
  file.arrays.emplace_back("z.bytes", Array::copy_of<uint8_t>({3}, bytes));
  file.arrays.emplace_back("a.floats", Array::copy_of<float>({2, 3}, floats));
  file.arrays.emplace_back("double \"quoted\"", Array::copy_of<double>({}, doubles));
  file.arrays.emplace_back("i", Array::copy_of<int32_t>({2, 1}, integers));
  file.arrays.emplace_back("b", Array::copy_of<BFloat16>({2}, halves));
  file.arrays.emplace_back("empty", Array{{0, 4}, DType::f32, nullptr});
  file.attributes = {{"format", "tlrun model 1"}, {"classes", "[\"caf\xc3\xa9\", \"\\\"\"]"}};
  return file;
}

TEST_CASE("safetensors: files of the format's own library, to the bit") {
  const WeightsFile odd = read_weights(golden_weights("odd.safetensors"));
  check_golden(odd, "odd");
  CHECK(odd.attributes == std::map<std::string, std::string>{{"format", "pt"}});
  check_golden(read_weights(golden_weights("resnet.safetensors")), "resnet");
}

TEST_CASE("safetensors: every f16 is the f32 of the same value") {
  CHECK(static_cast<float>(Float16::from_bits(0x0000)) == 0.0f);
  CHECK(std::signbit(static_cast<float>(Float16::from_bits(0x8000))));
  CHECK(static_cast<float>(Float16::from_bits(0x0001)) == 0x1p-24f);
  CHECK(static_cast<float>(Float16::from_bits(0x03ff)) == 0x1.ff8p-15f);
  CHECK(static_cast<float>(Float16::from_bits(0x0400)) == 0x1p-14f);
  CHECK(static_cast<float>(Float16::from_bits(0x3c01)) == 0x1.004p0f);
  CHECK(static_cast<float>(Float16::from_bits(0xfbff)) == -65504.0f);
  CHECK(static_cast<float>(Float16::from_bits(0x7c00)) == HUGE_VALF);
  CHECK(std::isnan(static_cast<float>(Float16::from_bits(0x7c01))));
#ifdef __FLT16_MAX__
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float compiler = static_cast<float>(std::bit_cast<_Float16>(half));
    const float ours = static_cast<float>(Float16::from_bits(half));
    CHECK((ours == compiler || (std::isnan(ours) && std::isnan(compiler))));
  }
#endif
}

TEST_CASE("safetensors: what is written is read back, and equal content is equal bytes") {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", safetensors_sample());
  const WeightsFile read = read_weights(folder / "a.safetensors");
  CHECK(read.attributes == safetensors_sample().attributes);
  REQUIRE(read.arrays.size() == safetensors_sample().arrays.size());
  for (size_t i = 0; i < read.arrays.size(); ++i) {
    const auto& [name, array] = read.arrays[i];
    const WeightsFile whole = safetensors_sample();
    CAPTURE(name);
    CHECK(name == whole.arrays[i].first);
    CHECK(array.dtype == whole.arrays[i].second.dtype);
    CHECK(array.shape == whole.arrays[i].second.shape);
    CHECK((array.count() == 0 ||
           std::memcmp(array.data.get(), whole.arrays[i].second.data.get(), array.bytes()) == 0));
  }
  const SharedBytes whole = read_shared_bytes(folder / "a.safetensors");
  for (const auto& [name, array] : read_safetensors(whole).arrays) {  // all aligned: none is copied
    CAPTURE(name);
    const std::byte* data = array.data.get();
    CHECK(
        (array.count() == 0 || (data >= whole.data.get() && data < whole.data.get() + whole.size)));
  }
  write_safetensors(folder / "b.safetensors", read);  // arrays may lie in a file that was read
  CHECK(read_bytes(folder / "a.safetensors") == read_bytes(folder / "b.safetensors"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("safetensors: arrays lie in the file, or are copied where they are not aligned") {
  const std::string floats = bytes_of<float>({1, 2});
  std::string header = "{\"a\":" + tensor_json("F32", "2", "0,8") +
                       ",\"b\":" + tensor_json("U8", "1", "8,9") +
                       ",\"c\":" + tensor_json("F32", "2", "9,17") + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const SharedBytes file = shared(safetensors_of(header, floats + "x" + floats));
  const WeightsFile weights = read_safetensors(file);
  const auto lies_in_file = [&](const Array& array) {
    return array.data.get() >= file.data.get() && array.data.get() < file.data.get() + file.size;
  };
  CHECK(lies_in_file(*weights.find("a")));
  CHECK(lies_in_file(*weights.find("b")));
  CHECK(!lies_in_file(*weights.find("c")));
  CHECK(weights.find("c")->as<float>()[1] == 2.0f);
}

TEST_CASE("safetensors: refusals") {
  const std::string f32 = tensor_json("F32", "2", "0,8"), data(8, 'x');
  CHECK(header_refusal("{}") == "");
  CHECK(header_refusal("{\"a\":" + f32 + "}  ", data) == "");
  CHECK(header_refusal("{\"__metadata__\":{\"x\":\"y\"},\"a\":" + f32 + "}", data) == "");

  const std::string broken = "damaged safetensors header";
  CHECK(header_refusal("") == broken + " (no JSON at byte 1)");
  CHECK(header_refusal("{\"a\":" + f32, data).starts_with(broken + " (no JSON at byte "));
  CHECK(header_refusal("{\"a\":" + f32 + "} x", data).starts_with(broken + " (no JSON at byte "));
  CHECK(header_refusal("{\"\xff\":" + f32 + "}", data).starts_with(broken + " (no JSON at byte "));
  CHECK(header_refusal("[]") == broken + ": a list");
  CHECK(header_refusal("7") == broken + ": a number");
  CHECK(header_refusal("{\"a\":7}") == broken + ": a number");
  CHECK(header_refusal("{\"a\":[]}") == broken + ": a list");
  CHECK(header_refusal("{\"__metadata__\":{\"x\":7}}") == broken + ": a number");
  CHECK(header_refusal("{\"__metadata__\":{\"x\":{}}}") == broken + ": an object");
  CHECK(header_refusal(std::string(100'000, '[')) == broken + ": a list");
  CHECK(header_refusal("{\"a\":{\"shape\":" + std::string(100'000, '[')) ==
        "a: its shape holds a list");

  CHECK(header_refusal("{\"a\":" + f32 + ",\"a\":" + f32 + "}", data) ==
        "a: two tensors of that name");
  CHECK(header_refusal("{\"__metadata__\":{\"x\":\"\",\"x\":\"\"}}") == "attribute x: twice");
  CHECK(header_refusal("{\"__metadata__\":{},\"__metadata__\":{}}") ==
        "__metadata__: two tensors of that name");
  CHECK(header_refusal("{\"a\\nb\":" + f32 + "}", data) ==
        "a?b: a name with a control character, which is refused");
  CHECK(header_refusal("{\"" + std::string(5000, 'n') + "\":" + f32 + "}", data)
            .ends_with("...: a name over 4096 bytes"));

  CHECK(header_refusal("{\"a\":" + tensor_json("F8_E4M3", "2", "0,2") + "}", "xx") ==
        "a: its dtype holds elements of type F8_E4M3, which is not read");
  CHECK(header_refusal("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", data) ==
        "a: needs dtype, shape and two data_offsets");
  CHECK(header_refusal("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}") == "a: two of 'dtype'");
  CHECK(header_refusal("{\"a\":{\"stride\":[1]}}") == "a: has a 'stride'");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "2", "0,8,8") + "}", data) ==
        "a: needs dtype, shape and two data_offsets");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "-2", "0,8") + "}", data) ==
        "a: its shape holds the number -2");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "2.0", "0,8") + "}", data) ==
        "a: its shape holds the number 2.0");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "18446744073709551615", "0,8") + "}", data) ==
        "a: its shape holds the number 18446744073709551615, which is too large");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "99999999999999999999", "0,8") + "}", data) ==
        "a: its shape holds the number 99999999999999999999");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "4294967296,4294967296,4", "0,8") + "}",
                       data) == "a: its shape is over the limit of 68719476736 elements");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "0,4294967296,4294967296", "0,0") + "}") ==
        "a: its shape is over the limit of 68719476736 elements");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "0,4") +
                       "}") == "a: its shape holds over 16 numbers");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "2", "8,0") + "}", data) ==
        "a: data_offsets 8 and 0, but its shape takes 8 bytes");
  CHECK(header_refusal("{\"a\":" + tensor_json("F32", "3", "0,8") + "}", data) ==
        "a: data_offsets 0 and 8, but its shape takes 12 bytes");

  const std::string late = "{\"a\":" + f32 + ",\"b\":" + tensor_json("F32", "2", "12,20") + "}";
  CHECK(header_refusal(late, std::string(20, 'x')) ==
        "b: begins at byte 12, expected 8: tensors overlap or leave a gap");
  const std::string over = "{\"a\":" + f32 + ",\"b\":" + tensor_json("F32", "2", "4,12") + "}";
  CHECK(header_refusal(over, std::string(12, 'x')) ==
        "b: begins at byte 4, expected 8: tensors overlap or leave a gap");
  CHECK(header_refusal("{\"a\":" + f32 + "}", data.substr(1)) ==
        "truncated safetensors file (7 of 8 bytes of tensors)");
  CHECK(header_refusal("{\"a\":" + f32 + "}", data + "x") ==
        "damaged safetensors file (1 bytes after the last tensor)");
  CHECK(error_of([&] { read_safetensors(shared(little_text(1 << 20, 8) + "{}")); }) ==
        "truncated safetensors file");
  CHECK(error_of([&] {
          read_safetensors(shared(little_text(17 << 20, 8) + std::string(17 << 20, ' ')));
        }) == "a safetensors header of 17825792 bytes, over the limit of 16777216");
  CHECK(header_refusal("{\"a\":" + tensor_json("I64", "1", "0,8") + "}",
                       little_text(uint64_t{1} << 31, 8)) ==
        "a: holds 2147483648, which is no i32");
}

TEST_CASE("safetensors: what cannot be written is refused, and nothing is left behind") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::function<void(WeightsFile&)>& change) {
    WeightsFile file = safetensors_sample();
    change(file);
    const std::string path = folder / "x.safetensors";
    const std::string what = error_of([&] { write_safetensors(path, file); });
    CHECK(what.starts_with(path + ": "));
    return what.substr(std::min(what.size(), path.size() + 2));
  };
  CHECK(refused([](WeightsFile& f) { f.arrays[1].first = "z.bytes"; }) ==
        "z.bytes: two arrays of that name");
  CHECK(refused([](WeightsFile& f) { f.arrays[1].first = "__metadata__"; }) ==
        "\"__metadata__\" is no name for an array");
  CHECK(refused([](WeightsFile& f) { f.arrays[1].first = "a\tb"; }) ==
        "a?b: a name with a control character, which is refused");
  CHECK(refused([](WeightsFile& f) { f.arrays[1].first = "\xff"; }) ==
        "a name or attribute is not UTF-8, which safetensors needs");
  CHECK(refused([](WeightsFile& f) { f.attributes["x"] = "\xff"; }) ==
        "a name or attribute is not UTF-8, which safetensors needs");
  CHECK(refused([](WeightsFile& f) { f.arrays[1].second.data = nullptr; }) ==
        "a.floats: has no data");
  CHECK(folder.entries() == 0);
}

TEST_CASE("safetensors: truncated and flipped files are arrays or one line") {
  const std::string whole = file_text(golden_weights("odd.safetensors"));
  int refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(is_one_line(error_of([&] { read_safetensors(shared(whole.substr(0, size))); })));
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const uint8_t flip : {0x01, 0x10, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const std::string what = error_of([&] { touch(read_safetensors(shared(damaged))); });
      if (what.empty()) continue;
      CHECK(what.size() < 500);
      ++refused;
    }
  }
  CHECK(refused > 4000);  // most of the header; numbers may be any
}

}  // namespace
}  // namespace tl::test
