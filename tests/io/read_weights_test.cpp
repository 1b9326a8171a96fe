// read_weights: which format a file has, how it comes into memory, and what it is told that holds
// no weights.
#include "io/read_weights.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "io/pytorch_file.h"
#include "io/safetensors.h"
#include "tests/io/golden_weights.h"
#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl::test {
namespace {

/// What read_weights says of a file with these bytes, without its path.
std::string weights_refusal(const std::string& bytes) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_bytes(path, {bytes.begin(), bytes.end()});
  const std::string what = error_of([&] { read_weights(path); });
  CHECK(what.starts_with(path + ": "));
  CHECK(is_one_line(what));
  return what.substr(std::min(what.size(), path.size() + 2));
}

bool is_aligned(const Array& array) {
  return reinterpret_cast<uintptr_t>(array.data.get()) % 64 == 0;
}

TEST_CASE("read_weights: the content chooses, never the name") {
  const TemporaryFolder folder;
  const auto copied = [&](const std::string& name, const std::string& as) {
    std::filesystem::copy_file(golden_weights(name), folder / as);
    return read_weights(folder / as).arrays.size();
  };
  CHECK(copied("odd.pt", "a.h5") == 19);
  CHECK(copied("odd_legacy.pt", "b.safetensors") == 19);
  CHECK(copied("odd.safetensors", "c.pth") == 19);
  CHECK(copied("expected.h5", "d") == 96);
}

TEST_CASE("read_weights: damaged files of each format") {
  CHECK(weights_refusal("") == "empty file");
  CHECK(weights_refusal("PK\3\4") == "truncated zip file (no directory at its end)");
  CHECK(weights_refusal("\x80\2") == "truncated PyTorch file");
  CHECK(weights_refusal(little_text(2, 8) + "{") == "truncated safetensors file");
  CHECK(weights_refusal("\x89HDF\r\n\x1a\n").find("HDF5") != std::string::npos);
  CHECK(weights_refusal(std::string(1024, '\0') + "\x89HDF\r\n\x1a\n").find("HDF5") !=
        std::string::npos);
}

TEST_CASE("read_weights: what is no file") {
  const TemporaryFolder folder;
  const auto of = [](const std::string& path) {
    const std::string what = error_of([&] { read_weights(path); });
    return what.substr(std::min(what.size(), path.size()));
  };
  CHECK(of(folder / "missing.pth") == ": No such file or directory");
  CHECK(of(folder.path()) == ": is a folder, expected a file");
  CHECK(of("/dev/zero") == ": is a device, expected a file");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(of(folder / "pipe") == ": is a pipe, expected a file: save what comes through it first");
  write_bytes(folder / "model.ckpt.index", {1});
  CHECK(
      of(folder / "model.ckpt").starts_with(": is a TensorFlow checkpoint; load it in TensorFlow"));
  write_bytes(folder / "model.ckpt.data-00000-of-00001", {1});
  CHECK(
      of(folder / "model.ckpt.data-00000-of-00001").starts_with(": is a TensorFlow checkpoint; "));
  write_bytes(folder / "saved_model.pb", {1});
  CHECK(of(folder.path()).starts_with(": is a TensorFlow SavedModel; "));
  write_bytes(folder / "model.safetensors", {1});
  CHECK(of(folder.path()) == ": is a folder; the weights in it are model.safetensors");
}

TEST_CASE("read_weights: files that hold no weights, or in another form, are named") {
  const auto begins = [](const std::string& bytes, const std::string& with) {
    CAPTURE(with);
    const std::string what = weights_refusal(bytes);
    CAPTURE(what);
    return what.starts_with(with);
  };
  CHECK(weights_refusal("\1\2\3") ==
        "holds no weights in a format that is read: HDF5, safetensors, PyTorch's .pth");
  CHECK(weights_refusal("hello") == "is text, not weights");
  CHECK(weights_refusal("aaaaaaaa{\"a\": 1}") == "is text, not weights");
  CHECK(weights_refusal("\n{\"a\": 1}") == "is JSON text, not weights");
  CHECK(
      begins("{\"metadata\": {}, \"weight_map\": {}}", "is the index of weights in several files"));
  CHECK(begins("<!DOCTYPE html>\n<html>", "is a web page, not weights; open it in a browser"));
  CHECK(begins("\r\n<HTML><body>", "is a web page, not weights"));
  CHECK(begins("<?xml version=\"1.0\"?><Error><Code>AccessDenied", "is XML, perhaps a server's"));
  CHECK(weights_refusal(
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46830571\n") ==
        "is a Git LFS pointer to a file of 46830571 bytes, not the file; fetch it: git lfs pull");
  CHECK(begins("\x1f\x8b\x08\0\0"s, "is packed by gzip; unpack it first: gunzip"));
  CHECK(begins("\xfd\x37zXZ\0\0"s, "is packed by xz"));
  CHECK(begins("BZh91AY&SY", "is packed by bzip2"));
  CHECK(begins("\x28\xb5\x2f\xfd\x04", "is packed by zstd"));
  CHECK(begins("\x04\x22\x4d\x18\x04", "is packed by lz4"));
  CHECK(begins("7z\xbc\xaf\x27\x1c\0"s, "is a 7z archive"));
  CHECK(begins("Rar!\x1a\x07\x01", "is a RAR archive"));
  const auto tar = [](std::string name) {
    name.resize(257, '\0');
    return name + "ustar\0"s + std::string(249, '\0');
  };
  CHECK(weights_refusal(tar("net/resnet18.pth")) ==
        "is a tar archive; unpack it (tar -xf) and take the weights in it; it begins with "
        "net/resnet18.pth");
  CHECK(weights_refusal(tar("././@PaxHeader")) ==
        "is a tar archive; unpack it (tar -xf) and take the weights in it");
  CHECK(begins(tar("storages"), "is a tar archive of PyTorch's first versions; load it with"));
  CHECK(begins("\x93NUMPY\1\0"s, "is one array of NumPy (.npy)"));
  CHECK(begins("GGUF\3\0\0\0"s, "is a GGUF file"));
  CHECK(
      begins("\xff\xd8\xff\xe0 a picture", "is a picture; pictures go into the folder of --data"));
  CHECK(begins(std::string(2000, '\0'), "begins with 2000 zeros; was it downloaded to its end?"));
  CHECK(begins("\x1c\0\0\0TFL3"s, "is a TensorFlow Lite model"));
  CHECK(begins(std::string(40, '\3') + "\x57\xfb\x80\x8b\x24\x75\x47\xdb",
               "is the index of a TensorFlow checkpoint; load it in TensorFlow and save"));
  CHECK(begins("model_checkpoint_path: \"ckpt-1\"\n", "is the list of TensorFlow's checkpoints"));
  CHECK(begins("\x08\1\x12\xb2\x51\x0a\x05\x0a\0\x12\1x"s, "is a TensorFlow SavedModel"));
  CHECK(begins("\x0a\x1a\x0a\x05input\x12\x0bPlaceholder"s, "is a TensorFlow graph"));
  CHECK(begins("\x08\x07\x12\x07pytorch\x1a\x05"s + "2.1.0", "is an ONNX model; "));
  CHECK(begins("4\n1\n3\nV 1\n13\nnn.Sequential\n", "is a file of Torch7 (Lua); load it with"));
  CHECK(begins("\4\0\0\0\1\0\0\0\3\0\0\0V 1\x0d\0\0\0nn.Sequential"s, "is a file of Torch7 (Lua)"));
  CHECK(
      begins("\x7f"
             "ELF\2\1\1",
             "is a program"));
  CHECK(weights_refusal(pickle("N")) == "is a Python pickle, but not one that torch.save wrote");
}

TEST_CASE("read_weights: zip files that torch.save did not write are named") {
  const auto zip = [](const std::vector<std::string>& names, uint16_t method = 0) {
    std::vector<ZipEntry> entries;
    for (const std::string& name : names) entries.push_back({name, "x", method});
    return weights_refusal(zip_of(entries));
  };
  const std::string script =
      "is a TorchScript program; load it with torch.jit.load and save its state_dict() with "
      "torch.save";
  CHECK(zip({"net/data.pkl", "net/constants.pkl", "net/code/__torch__.py"}) == script);
  CHECK(zip({"net/model.json", "net/attributes.pkl"}) == script);
  CHECK(zip({"metadata.json", "config.json", "model.weights.h5"}, 8) ==
        "is a Keras model (.keras), a zip file; unpack it (unzip) and take its model.weights.h5");
  CHECK(zip({"arr_0.npy"}, 8).starts_with("is a NumPy archive (.npz); "));
  CHECK(zip({"net/serialized_exported_program.json"}).starts_with("is a program of torch.export"));
  CHECK(zip({"resnet18.pth", "README"}, 8) ==
        "is a zip file, but not PyTorch's (it has no data.pkl); unpack it (unzip) if the weights "
        "are in it: README, resnet18.pth");
  CHECK(zip({}) == "holds no weights in a format that is read: HDF5, safetensors, PyTorch's .pth");
}

TEST_CASE("read_weights: elements lie aligned wherever the file has them") {
  const TemporaryFolder folder;
  const std::string floats = bytes_of<float>({1, 2, 3, 4});
  for (int padding = 0; padding < 8; ++padding) {
    CAPTURE(padding);
    const std::string header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}" +
                               std::string(static_cast<size_t>(padding), ' ');
    const std::string path = folder / "unaligned.safetensors";
    const std::string file = safetensors_of(header, floats);
    write_bytes(path, {file.begin(), file.end()});
    const WeightsFile weights = read_weights(path);
    CHECK(is_aligned(*weights.find("x")));
    CHECK(weights.find("x")->as<float>()[3] == 4);
  }
  for (int letters = 0; letters < 8; ++letters) {
    CAPTURE(letters);
    const std::string body = dict({{"x" + std::string(static_cast<size_t>(letters), 'x'),
                                    tensor(storage("Float", "0", 4), 0, {4}, {1})}});
    const std::string path = folder / "legacy.pth";
    const std::string file = pytorch_legacy(body, {{"0", floats, 4}});
    write_bytes(path, {file.begin(), file.end()});
    const WeightsFile weights = read_weights(path);
    CHECK(is_aligned(weights.arrays.front().second));
    CHECK(weights.arrays.front().second.as<float>()[3] == 4);
  }
}

TEST_CASE("read_weights: arrays are as they were read, whatever becomes of the file") {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  WeightsFile file;
  const std::vector<float> ones(1 << 20, 1.0f);
  file.arrays.emplace_back("x", Array::copy_of<float>({1 << 20}, ones));
  write_safetensors(path, file);
  const WeightsFile weights = read_weights(path);
  REQUIRE(::truncate(path.c_str(), 100) == 0);
  const auto values = weights.find("x")->as<float>();
  CHECK(std::ranges::equal(values, ones));
}

TEST_CASE("read_weights: a file that is cut short while it is read") {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  WeightsFile file;
  const std::vector<float> ones(1 << 20, 1.0f);
  file.arrays.emplace_back("x", Array::copy_of<float>({1 << 20}, ones));
  write_safetensors(path, file);
  const auto whole = static_cast<off_t>(std::filesystem::file_size(path));
  std::atomic<bool> is_done = false;
  std::thread other([&] {
    for (off_t size = 0; !is_done; size = (size + 100'003) % whole) {
      if (::truncate(path.c_str(), size) != 0 || ::truncate(path.c_str(), whole) != 0) return;
    }
  });
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string what = error_of([&] { touch(read_weights(path)); });
    refused += !what.empty();
    CHECK((what.empty() || is_one_line(what)));
  }
  is_done = true;
  other.join();
  CHECK(refused > 0);
}

TEST_CASE("read_shared_bytes: cut short between opening and reading, and larger than memory") {
  const TemporaryFolder folder;
  const std::string path = folder / "w";
  write_bytes(path, std::vector<uint8_t>(1000, 1));
  const RegularFile file = open_regular_file(path);
  REQUIRE(::truncate(path.c_str(), 999) == 0);
  CHECK(error_of([&] { read_shared_bytes(file); }) == "was cut short while it was read");
  REQUIRE(::truncate(path.c_str(), off_t{1} << 43) == 0);  // sparse: it takes no room
  CHECK(error_of([&] {
          read_shared_bytes(path);
        }).starts_with("has 8796093022208 bytes, this machine's memory "));
}

TEST_CASE("read_weights: tensors that share their elements a thousand times") {
  const std::string floats(1 << 18, '\0');
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 1000; ++i)
    many.emplace_back(concat("t", i), tensor(storage("Float", "0", 1 << 16), 0, {1 << 16}, {1}));
  const std::string states =
      "its tensors state 262144000 bytes, of which it has 262144: too many share their elements";
  CHECK(weights_refusal(pytorch_zip(dict(many), {{"0", floats}})) == states);
  CHECK(weights_refusal(pytorch_legacy(dict(many), {{"0", floats, 1 << 16}})) == states);
  many.resize(3);
  const TemporaryFolder folder;
  const std::string file = pytorch_zip(dict(many), {{"0", floats}});
  write_bytes(folder / "three.pth", {file.begin(), file.end()});
  CHECK(read_weights(folder / "three.pth").arrays.size() == 3);
}

}  // namespace
}  // namespace tl::test
