// Files of torch.save: those that PyTorch wrote, and made ones that are wrong in one place.
#include "io/pytorch_file.h"

#include <doctest/doctest.h>

#include <chrono>

#include "tests/io/golden_weights.h"
#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl::test {
namespace {

std::string golden_bytes(const std::string& name) {
  const std::vector<uint8_t> bytes = read_bytes(golden_weights(name));
  return {bytes.begin(), bytes.end()};
}

const std::string four_floats = bytes_of<float>({1, 2, 3, 4});

/// A state dict of this one tensor "x", over a storage "0" of four floats.
WeightsFile read_tensor(int64_t first, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& strides) {
  const std::string body = dict({{"x", tensor(storage("Float", "0", 4), first, shape, strides)}});
  return read_pytorch_zip(shared(pytorch_zip(body, {{"0", four_floats}})));
}

std::vector<float> floats(const WeightsFile& file, const std::string& name) {
  const Array* array = file.find(name);
  REQUIRE(array != nullptr);
  const auto values = array->as<float>();
  return {values.begin(), values.end()};
}

const std::string plain_tensor = tensor(storage("Float", "0", 4), 0, {4}, {1});

/// What is said of a pickle with this content and a storage of four floats; both formats agree.
std::string pickle_refusal(const std::string& body) {
  const std::string zip = error_of([&] {
    read_pytorch_zip(shared(pytorch_zip(body, {{"0", four_floats}})));
  });
  const std::string legacy = error_of([&] {
    read_pytorch_legacy(shared(pytorch_legacy(body, {{"0", four_floats, 4}})));
  });
  CHECK(zip == legacy);
  return zip;
}

TEST_CASE("pytorch: state dicts that torch.save wrote, to the bit") {
  for (const char* name : {"resnet.pth", "resnet_legacy.pth"}) {
    CAPTURE(std::string(name));
    const WeightsFile file = read_weights(golden_weights(name));
    check_golden(file, "resnet");
    CHECK(file.arrays.front().first == "conv1.weight");  // the order of the dict
    CHECK(file.arrays.back().first == "fc.bias");
    CHECK(file.attributes.empty());
  }
  for (const char* name : {"checkpoint.pth", "checkpoint_legacy.pth"}) {
    CAPTURE(std::string(name));
    check_golden(read_weights(golden_weights(name)), "resnet", "module.backbone.");
  }
  check_golden(read_weights(golden_weights("parameters.pth")), "parameters");
}

TEST_CASE("pytorch: every dtype, views, shared storages, protocols 2 to 5") {
  for (const char* name :
       {"odd.pt", "odd_legacy.pt", "odd_protocol4.pt", "odd_protocol5_legacy.pt"}) {
    CAPTURE(std::string(name));
    check_golden(read_weights(golden_weights(name)), "odd");
  }
}

TEST_CASE("pytorch: what lies row by row and aligned is not copied, storages are shared") {
  const SharedBytes bytes = read_shared_bytes(golden_weights("odd.pt"));
  const WeightsFile file = read_pytorch_zip(bytes);
  const auto lies_in_file = [&](const char* name) {
    const std::byte* data = file.find(name)->data.get();
    return data >= bytes.data.get() && data < bytes.data.get() + bytes.size;
  };
  for (const char* name : {"f64", "f32", "bf16", "i32", "u8", "whole", "tail", "scalar"})
    CHECK(lies_in_file(name));
  for (const char* name : {"f16", "i64", "transposed", "expanded", "channels_last"})
    CHECK(!lies_in_file(name));
  CHECK(file.find("tail")->data.get() == file.find("whole")->data.get() + 55 * sizeof(float));
}

TEST_CASE("pytorch: strides") {
  using Values = std::vector<float>;
  CHECK(floats(read_tensor(0, {2, 2}, {2, 1}), "x") == Values{1, 2, 3, 4});
  CHECK(floats(read_tensor(0, {2, 2}, {1, 2}), "x") == Values{1, 3, 2, 4});
  CHECK(floats(read_tensor(1, {3}, {1}), "x") == Values{2, 3, 4});
  CHECK(floats(read_tensor(1, {2}, {2}), "x") == Values{2, 4});
  CHECK(floats(read_tensor(3, {2, 2}, {0, 0}), "x") == Values{4, 4, 4, 4});
  CHECK(floats(read_tensor(2, {1, 2, 1}, {99, 1, 99}), "x") == Values{3, 4});
  CHECK(floats(read_tensor(0, {2, 1, 2}, {1, 5, 1}), "x") == Values{1, 2, 2, 3});
  CHECK(floats(read_tensor(3, {}, {}), "x") == Values{4});
  CHECK(floats(read_tensor(4, {0, 3}, {3, 1}), "x").empty());
}

TEST_CASE("pytorch: sizes, strides and places that lie") {
  const auto error = [](int64_t first, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& strides) {
    return error_of([&] { read_tensor(first, shape, strides); });
  };
  constexpr int64_t huge = INT64_MAX;
  const std::string beyond = "x: states elements beyond its storage";
  CHECK(error(0, {5}, {1}) == beyond);
  CHECK(error(1, {4}, {1}) == beyond);
  CHECK(error(4, {1}, {1}) == beyond);
  CHECK(error(0, {2, 2}, {3, 1}) == beyond);
  CHECK(error(0, {2}, {huge}) == beyond);
  CHECK(error(0, {3, 3}, {huge / 2, huge / 2}) == beyond);
  CHECK(error(0, {2}, {-1}) == "x: a negative stride");
  CHECK(error(0, {-1}, {1}) == "x: a size of -1");
  CHECK(error(0, {huge, huge}, {0, 0}) == "x: its shape is over the limit of 68719476736 elements");
  CHECK(error(0, {2, 2}, {1}) == "x: 2 sizes, but 1 strides");
  CHECK(error(0, std::vector<int64_t>(17, 1), std::vector<int64_t>(17, 1)) ==
        "x: 17 dimensions, over the limit of 16");
  CHECK(error(-1, {1}, {1}) == "damaged PyTorch file (a tensor beyond its storage)");
  CHECK(error(huge, {1}, {1}) == "damaged PyTorch file (a tensor beyond its storage)");
  // One element that stands for 2^30: 4 GB of a file of 1 KB.
  CHECK(error(0, {1 << 15, 1 << 15}, {0, 0}) ==
        "x: needs 4294967296 bytes, more than a file of this size may");
  // The same in a thousand tensors of 1 MB.
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 1000; ++i)
    many.emplace_back(concat("t", i), tensor(storage("Float", "0", 4), 0, {512, 512}, {0, 0}));
  CHECK(pickle_refusal(dict(many))
            .ends_with(": needs 1048576 bytes, more than a file of this size may"));
}

TEST_CASE("pytorch: checkpoints") {
  const std::string inner = dict({{"x", plain_tensor}}), scalar = integer(3);
  const auto reads_x = [&](const std::string& body) {
    CHECK(pickle_refusal(body) == "");
    const WeightsFile file = read_pytorch_zip(shared(pytorch_zip(body, {{"0", four_floats}})));
    return file.arrays.size() == 1 && file.find("x") != nullptr;
  };
  CHECK(reads_x(dict({{"epoch", scalar}, {"x", plain_tensor}, {"name", text("y")}})));
  for (const char* key : {"state_dict", "model_state_dict", "model", "net", "module"})
    CHECK(reads_x(dict({{"step", plain_tensor}, {key, inner}})));
  CHECK(reads_x(dict({{"model", dict({{"state_dict", inner}, {"step", plain_tensor}})}})));
  CHECK(reads_x(dict({{"model", text("resnet18")}, {"state_dict", inner}})));
  CHECK(reads_x(dict({{"ema", dict({{"y", plain_tensor}})}, {"model", inner}})));
  CHECK(reads_x(dict({{"epoch", scalar}, {"of_mine", inner}})));
  CHECK(reads_x("}q\1(" + text("model") + "h\1" + text("x") + plain_tensor + "u"));  // in itself

  CHECK(pickle_refusal(dict({{"a", inner}, {"b", inner}})) ==
        "holds several dicts of tensors, none of them called state_dict: a, b");
  const std::string none = "holds no tensors with names; expected a state_dict";
  CHECK(pickle_refusal(dict({{"epoch", scalar}, {"s", storage("Float", "0", 4)}})) == none);
  CHECK(pickle_refusal("](" + plain_tensor + "e") == none);
  CHECK(pickle_refusal(plain_tensor) == none);
  CHECK(pickle_refusal(dict({{"x", plain_tensor}, {"x", plain_tensor}})) ==
        "x: two tensors of that name");
  CHECK(pickle_refusal(dict({{"a\nb", plain_tensor}})) ==
        "a?b: a name with a control character, which is refused");
}

TEST_CASE("pytorch: two hundred thousand keys that name one dict of as many") {
  constexpr uint64_t count = 200'000;
  const auto key = [](uint64_t i) { return "J" + little_text(i, 4); };
  std::string inner, others;
  for (uint64_t i = 0; i < count; ++i) {
    inner += key(i) + "N";
    others += key(i + 1) + "h\1";
  }
  const std::string outer = "}(" + key(0) + "}q\1(" + inner + "u" + others + "u";
  const auto start = std::chrono::steady_clock::now();
  CHECK(error_of([&] { read_pytorch_zip(shared(pytorch_zip(outer, {}))); }) ==
        "holds no tensors with names; expected a state_dict");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("pytorch: the dicts of Python 2") {
  const std::string list = "](](" + text("x") + plain_tensor + "ee";
  const std::string body = global("collections", "OrderedDict") + "(" + list + "tR";
  CHECK(pickle_refusal(body) == "");
  CHECK(pickle_refusal(global("collections", "OrderedDict") + "(](](Neet" + "R") ==
        "damaged PyTorch file (an OrderedDict's key without a value)");
}

TEST_CASE("pytorch: classes and functions that tensors do not need are refused by name") {
  const auto told = [](const std::string& name) {
    return "holds " + name +
           ", and only tensors and plain values are read; save the state_dict alone";
  };
  CHECK(error_of([] { read_weights(golden_weights("module.pth")); }) ==
        golden_weights("module.pth") + ": " + told("torch.nn.modules.linear.Linear"));
  CHECK(pickle_refusal(global("os", "system") + "(" + text("id") + "tR") == told("os.system"));
  CHECK(pickle_refusal(global("builtins", "eval") + "(tR") == told("builtins.eval"));
  CHECK(pickle_refusal(global("argparse", "Namespace") + ")R") == told("argparse.Namespace"));
  CHECK(pickle_refusal(global("torch", "QInt8Storage")) == told("torch.QInt8Storage"));
  CHECK(pickle_refusal(text("a\x1b[2J") + text("b") + "\x93") == told("a?[2J.b"));
  CHECK(pickle_refusal(global("torch", "FloatStorage") + ")R") ==
        "damaged PyTorch file (FloatStorage is called)");
}

TEST_CASE("pytorch: tensors and storages that are none") {
  const auto x = [](const std::string& value) { return pickle_refusal(dict({{"x", value}})); };
  const std::string rebuild = global("torch._utils", "_rebuild_tensor_v2"), four = integer(4);
  const std::string no = "damaged PyTorch file (", first = "a tensor without its argument ";
  CHECK(x(rebuild + ")R") == no + first + "0)");
  CHECK(x(rebuild + tuple({storage("Float", "0", 4)}) + "R") == no + first + "2)");
  CHECK(x(rebuild + tuple({plain_tensor, four, tuple_of({1}), tuple_of({1})}) + "R") ==
        no + "a tensor without a storage)");
  CHECK(x(rebuild + tuple({storage("Float", "0", 4), four, tuple({"N"}), tuple({"N"})}) + "R") ==
        no + "a tensor's shape without its argument 0)");
  CHECK(x(global("torch._utils", "_rebuild_parameter") + tuple({storage("Float", "0", 4)}) + "R") ==
        no + "a parameter that is no tensor)");
  CHECK(x(text("storage") + "Q") == no + "a storage without its argument 0)");
  CHECK(x(tuple({text("module")}) + "Q") == no + "a reference to no storage)");
  CHECK(x(tuple({text("storage"), global("torch", "Size"), text("0"), text("cpu"), four}) + "Q") ==
        no + "a storage of class Size)");
  CHECK(x(storage("Float", "0", -1)) == no + "a storage of -1 elements)");
  CHECK(x(tuple({storage("Float", "0", 4), storage("Float", "0", 3)})) ==
        no + "two storages with the key 0)");
  CHECK(x(tuple({storage("Float", "0", 4), storage("Int", "0", 4)})) ==
        no + "two storages with the key 0)");
}

TEST_CASE("pytorch: zip files that do not hold what their pickle names") {
  const std::string body = dict({{"x", plain_tensor}});
  const auto error = [](const std::string& bytes) {
    return error_of([&] { read_pytorch_zip(shared(bytes)); });
  };
  CHECK(error(pytorch_zip(body, {})) == "damaged PyTorch file (the storage 0 is missing)");
  CHECK(error(pytorch_zip(body, {{"0", four_floats.substr(1)}})) ==
        "damaged PyTorch file (the storage 0 has 15 bytes, which are not its 4 elements)");
  CHECK(error(pytorch_zip(body, {{"0", four_floats + four_floats}})) ==
        "damaged PyTorch file (the storage 0 has 32 bytes, which are not its 4 elements)");
  CHECK(error(pytorch_zip(body, {{"0", four_floats}}, "middle")) ==
        "damaged PyTorch file (byte order 'middle')");
  CHECK(error(zip_of({{"a/data.pkl", pickle("N"), 8}})) ==
        "a/data.pkl: compressed in the zip file (method 8), which is not read; torch.save stores");
}

TEST_CASE("pytorch: the other byte order") {
  std::string swapped = four_floats;
  for (size_t i = 0; i < swapped.size(); i += 4)
    std::reverse(swapped.begin() + static_cast<std::ptrdiff_t>(i),
                 swapped.begin() + static_cast<std::ptrdiff_t>(i) + 4);
  const std::string body = dict({{"x", plain_tensor}});
  const std::vector<float> values{1, 2, 3, 4};
  CHECK(floats(read_pytorch_zip(shared(pytorch_zip(body, {{"0", swapped}}, "big"))), "x") ==
        values);
  std::string legacy = pytorch_legacy(body, {{"0", "", 4}});
  legacy.replace(legacy.size() - 8, 8, "\0\0\0\0\0\0\0\4"s + swapped);
  const size_t flag = legacy.find("little_endian");
  legacy[flag + std::strlen("little_endian")] = '\x89';
  CHECK(floats(read_pytorch_legacy(shared(legacy)), "x") == values);
}

TEST_CASE("pytorch: legacy streams") {
  const std::string body = dict({{"x", plain_tensor}});
  const auto error = [](const std::string& bytes) {
    return error_of([&] { read_pytorch_legacy(shared(bytes)); });
  };
  CHECK(error(pytorch_legacy(body, {{"0", four_floats, 4}})) == "");
  CHECK(error(pytorch_legacy(body, {})) == "damaged PyTorch file (the storage 0 is missing)");
  CHECK(error(pytorch_legacy(body, {{"0", four_floats, 4}, {"0", four_floats, 4}})) ==
        "damaged PyTorch file (the storage 0 twice)");
  CHECK(error(pytorch_legacy(body, {{"1", four_floats, 4}})) ==
        "damaged PyTorch file (no tensor has the storage 1)");
  CHECK(error(pytorch_legacy(body, {{"0", four_floats, 5}})) ==
        "damaged PyTorch file (the storage 0 has 5 elements, not 4)");
  CHECK(error(pytorch_legacy(body, {{"0", four_floats.substr(1), 4}})) == "truncated PyTorch file");
  const std::string huge = dict({{"x", storage("Float", "0", INT64_MAX)}});
  CHECK(error(pytorch_legacy(huge, {{"0", four_floats, INT64_MAX}})) == "truncated PyTorch file");
  CHECK(error(pickle(body)) == "is a Python pickle, but not one that torch.save wrote");
  CHECK(error(pickle("N")) == "is a Python pickle, but not one that torch.save wrote");

  // A storage that is a view of another, as before PyTorch 0.4.
  const auto view = [](int64_t first, int64_t count) {
    return tuple({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"),
                  integer(4), tuple({text("v"), integer(first), integer(count)})}) +
           "Q";
  };
  const auto of_view = [&](int64_t first, int64_t count, int64_t at) {
    return dict({{"x", tensor(view(first, count), at, {1}, {1})}});
  };
  CHECK(
      floats(read_pytorch_legacy(shared(pytorch_legacy(of_view(1, 2, 1), {{"0", four_floats, 4}}))),
             "x") == std::vector<float>{3});
  const std::string beyond = "damaged PyTorch file (a view beyond its storage)";
  for (const auto& [first, count] :
       {std::pair<int64_t, int64_t>{3, 2}, {5, 0}, {-1, 1}, {0, -1}, {INT64_MAX, INT64_MAX}})
    CHECK(error(pytorch_legacy(of_view(first, count, 0), {{"0", four_floats, 4}})) == beyond);
  CHECK(error(pytorch_legacy(of_view(1, 2, 3), {{"0", four_floats, 4}})) ==
        "damaged PyTorch file (a tensor beyond its storage)");
}

TEST_CASE("pytorch: truncated and flipped files are arrays or one line") {
  using Read = WeightsFile (*)(const SharedBytes&);
  for (const auto& [name, read] : {std::pair<const char*, Read>{"odd.pt", read_pytorch_zip},
                                   {"odd_protocol4.pt", read_pytorch_zip},
                                   {"odd_legacy.pt", read_pytorch_legacy},
                                   {"parameters.pth", read_pytorch_zip}}) {
    CAPTURE(std::string(name));
    const std::string whole = golden_bytes(name);
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(error_of([&] { read(shared(whole.substr(0, size))); }) != "");
    }
    int refused = 0;
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const uint8_t flip : {0x01, 0x80, 0xff}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        const std::string what = error_of([&] { touch(read(shared(damaged))); });
        if (what.empty()) continue;
        CHECK(what.size() < 1000);
        ++refused;
      }
    }
    CHECK(refused > 500);  // the pickle, the directory; numbers may be any
  }
}

}  // namespace
}  // namespace tl::test
