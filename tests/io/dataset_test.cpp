// open_dataset on packed files: CIFAR and idx, whole and damaged, and through BatchLoader.
#include "io/dataset.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "io/batch_loader.h"
#include "io/packed_pictures.h"
#include "kernels/error.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;
using Names = std::vector<std::string>;

Bytes text_bytes(const std::string& s) { return {s.begin(), s.end()}; }

/// Records of picture i: plane c is `seed + 16 c + i` plus the place's row and column.
Bytes cifar_of(const std::vector<Bytes>& labels, int seed) {
  Bytes bytes;
  for (size_t i = 0; i < labels.size(); ++i) {
    append(bytes, labels[i]);
    for (int c = 0; c < 3; ++c)
      for (int h = 0; h < 32; ++h)
        for (int w = 0; w < 32; ++w)
          bytes.push_back(static_cast<uint8_t>(seed + 16 * c + static_cast<int>(i) + 3 * h + w));
  }
  return bytes;
}

Bytes idx_of(const std::vector<uint32_t>& shape, const Bytes& content) {
  Bytes bytes{0, 0, 8, static_cast<uint8_t>(shape.size())};
  for (const uint32_t size : shape) append(bytes, big(size));
  append(bytes, content);
  return bytes;
}

Bytes counted_bytes(size_t n) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  return bytes;
}

Bytes gzip_of(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(bytes.size() + 1000);
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<unsigned>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

void write_cifar10(const std::filesystem::path& dir) {
  write_bytes(dir / "data_batch_1.bin", cifar_of({{3}, {0}, {9}}, 1));
  write_bytes(dir / "data_batch_2.bin", cifar_of({{0}}, 50));
  write_bytes(dir / "test_batch.bin", cifar_of({{9}, {1}}, 100));
}

/// 4 training pictures and 2 test pictures of 2 x 3.
void write_mnist(const std::filesystem::path& dir) {
  write_bytes(dir / "train-images-idx3-ubyte", idx_of({4, 2, 3}, counted_bytes(24)));
  write_bytes(dir / "train-labels-idx1-ubyte", idx_of({4}, {0, 2, 1, 2}));
  write_bytes(dir / "t10k-images-idx3-ubyte", idx_of({2, 2, 3}, counted_bytes(12)));
  write_bytes(dir / "t10k-labels-idx1-ubyte", idx_of({2}, {1, 0}));
}

Names picture_names(const std::vector<Sample>& samples) {
  Names names;
  for (const Sample& s : samples)
    names.push_back(concat(std::filesystem::path(name_of(s)).filename().string(), " ", s.label));
  return names;
}

/// The error without the folder's path.
std::string dataset_refusal(const std::filesystem::path& dir, const DatasetOptions& options = {}) {
  std::string error = error_of([&] { open_dataset(dir, options); });
  if (!error.empty()) CHECK(is_one_line(error));
  const std::string path = dir.string();
  for (size_t at; (at = error.find(path)) != std::string::npos;)
    error.replace(at, path.size(), "DIR");
  return error;
}

TEST_CASE("open_dataset: CIFAR-10, and its records as pictures") {
  const TemporaryFolder folder;
  for (const std::string place : {"", "/cifar-10-batches-bin"}) {
    const TemporaryFolder root;
    write_cifar10(root.path().string() + place);
    const Dataset data = open_dataset(root.path(), {});
    CHECK(data.layout == "CIFAR-10 files");
    CHECK(data.classes.size() == 10);
    CHECK(data.classes[3] == "cat");
    CHECK(picture_names(data.train) == Names{"data_batch_1.bin[0] 3", "data_batch_1.bin[1] 0",
                                             "data_batch_1.bin[2] 9", "data_batch_2.bin[0] 0"});
    CHECK(picture_names(data.val) == Names{"test_batch.bin[0] 9", "test_batch.bin[1] 1"});
    CHECK(data.test.empty());
    CHECK(data.notes.size() == 3);
    CHECK(data.notes[0].ends_with("data_batch_3.bin: missing, passed over"));

    const Image image = read_picture(data.train[2]);
    REQUIRE(image.height == 32);
    REQUIRE(image.width == 32);
    bool right = true;
    for (size_t h = 0; h < 32; ++h)
      for (size_t w = 0; w < 32; ++w)
        for (size_t c = 0; c < 3; ++c)
          right &= image.rgb[(h * 32 + w) * 3 + c] == (1 + 16 * c + 2 + 3 * h + w) % 256;
    CHECK(right);
  }
}

TEST_CASE("open_dataset: CIFAR class names from batches.meta.txt") {
  const TemporaryFolder folder;
  write_cifar10(folder.path());
  write_bytes(folder / "batches.meta.txt", text_bytes("a\r\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n"));
  CHECK(open_dataset(folder.path(), {}).classes ==
        Names{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"});
  write_bytes(folder / "batches.meta.txt", text_bytes("a\nb\n"));
  CHECK(dataset_refusal(folder.path()) == "DIR/batches.meta.txt: 2 class names, expected 10");
  write_bytes(folder / "batches.meta.txt", text_bytes("a\na\nc\nd\ne\nf\ng\nh\ni\nj\n"));
  CHECK(dataset_refusal(folder.path()) == "DIR/batches.meta.txt: the class name a comes twice");
}

TEST_CASE("open_dataset: CIFAR without test files is split by the seed") {
  const TemporaryFolder folder;
  write_bytes(folder / "data_batch_4.bin", cifar_of({{1}, {1}, {1}, {1}, {2}, {2}}, 1));
  const Dataset data = open_dataset(folder.path(), {.val_fraction = 0.5, .seed = 1});
  CHECK(data.train.size() == 3);
  CHECK(std::count_if(data.val.begin(), data.val.end(),
                      [](const Sample& s) { return s.label == 1; }) == 2);
  CHECK(data.val.size() == 3);
}

TEST_CASE("open_dataset: CIFAR-100 by its fine labels") {
  const TemporaryFolder folder;
  std::string names;
  for (int i = 0; i < 100; ++i) names += concat("fine", i, "\n");
  write_bytes(folder / "fine_label_names.txt", text_bytes(names));
  write_bytes(folder / "train.bin", cifar_of({{7, 99}, {8, 4}}, 1));
  write_bytes(folder / "test.bin", cifar_of({{1, 50}}, 1));
  const Dataset data = open_dataset(folder.path(), {});
  CHECK(data.layout == "CIFAR-100 files");
  CHECK(data.classes[99] == "fine99");
  CHECK(picture_names(data.train) == Names{"train.bin[0] 99", "train.bin[1] 4"});
  CHECK(picture_names(data.val) == Names{"test.bin[0] 50"});
  CHECK(read_picture(data.train[1]).rgb[0] == 2);
}

TEST_CASE("open_dataset: damaged CIFAR files are refused by name") {
  const TemporaryFolder folder;
  write_cifar10(folder.path());
  auto bytes = cifar_of({{3}, {0}}, 1);
  bytes.pop_back();
  write_bytes(folder / "data_batch_2.bin", bytes);
  CHECK(dataset_refusal(folder.path()) ==
        "DIR/data_batch_2.bin: 6145 bytes, expected whole records of 3073");
  write_bytes(folder / "data_batch_2.bin", {});
  CHECK(dataset_refusal(folder.path()) ==
        "DIR/data_batch_2.bin: 0 bytes, expected whole records of 3073");
  write_bytes(folder / "data_batch_2.bin", cifar_of({{3}, {10}}, 1));
  CHECK(dataset_refusal(folder.path()) ==
        "DIR/data_batch_2.bin: record 1 is of class 10, expected 0 to 9");
  std::filesystem::remove(folder / "data_batch_1.bin");
  std::filesystem::remove(folder / "data_batch_2.bin");
  CHECK(dataset_refusal(folder.path()) ==
        "DIR: has test pictures only, expected training files too");

  const TemporaryFolder python;
  write_bytes(python / "cifar-10-batches-py/batches.meta", {1});
  CHECK(dataset_refusal(python.path()) ==
        "DIR/cifar-10-batches-py: CIFAR for Python, expected the binary version (data_batch_1.bin, "
        "... or train.bin)");
}

TEST_CASE("open_dataset: idx files, plain and packed, with either spelling") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  const auto check_set = [](const std::filesystem::path& dir, const std::string& dash,
                            const std::string& packed) {
    const Dataset data = open_dataset(dir, {});
    CHECK(data.layout == "MNIST files");
    CHECK(data.classes == Names{"0", "1", "2"});
    const std::string train = concat("train-images", dash, "idx3-ubyte", packed);
    CHECK(picture_names(data.train) ==
          Names{train + "[0] 0", train + "[1] 2", train + "[2] 1", train + "[3] 2"});
    const std::string test = concat("t10k-images", dash, "idx3-ubyte", packed);
    CHECK(picture_names(data.val) == Names{test + "[0] 1", test + "[1] 0"});
    const Image image = read_picture(data.train[3]);
    CHECK(image.height == 2);
    CHECK(image.width == 3);
    Bytes expected;
    for (size_t i = 18; i < 24; ++i) expected.insert(expected.end(), 3, counted_bytes(24)[i]);
    CHECK(image.rgb == expected);
  };
  check_set(folder.path(), "-", "");
  const TemporaryFolder other;
  for (const std::string name : {"train-images.idx3-ubyte", "train-labels.idx1-ubyte",
                                 "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"}) {
    std::string from = name;
    from[from.find('.')] = '-';
    write_bytes(other / ("MNIST/raw/" + name + ".gz"), gzip_of(read_bytes(folder / from)));
  }
  check_set(other.path(), ".", ".gz");
  std::filesystem::create_directory(other / "FashionMNIST");
  std::filesystem::copy(other / "MNIST/raw", other / "FashionMNIST/raw");
  CHECK(dataset_refusal(other.path()) ==
        "DIR: holds two sets, give DIR/MNIST/raw or DIR/FashionMNIST/raw");
}

TEST_CASE("open_dataset: classes.txt names the classes of idx files") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  write_bytes(folder / "classes.txt", text_bytes("shirt\nboot\nbag\ncoat"));
  CHECK(open_dataset(folder.path(), {}).classes == Names{"shirt", "boot", "bag", "coat"});
  write_bytes(folder / "classes.txt", text_bytes("shirt\nboot"));
  CHECK(dataset_refusal(folder.path()) ==
        "DIR/classes.txt: 2 class names, expected 3, for the largest label is 2");
  write_bytes(folder / "classes.txt", text_bytes("shirt\nb\xff\nc"));
  CHECK(dataset_refusal(folder.path()) ==
        R"(DIR/classes.txt: the class name "b\ufffd" is not UTF-8; rename it)");
}

TEST_CASE("open_dataset: damaged idx files are refused by name, before memory is taken") {
  const TemporaryFolder folder;
  const auto images = folder / "train-images-idx3-ubyte";
  const auto labels = folder / "train-labels-idx1-ubyte";
  const auto refused = [&](const std::filesystem::path& file, const Bytes& bytes) {
    write_mnist(folder.path());
    write_bytes(file, bytes);
    return dataset_refusal(folder.path());
  };
  Bytes whole = idx_of({4, 2, 3}, counted_bytes(24)), bytes = whole;
  bytes.resize(bytes.size() - 5);
  CHECK(refused(images, bytes) ==
        "DIR/train-images-idx3-ubyte: ends after 35 bytes, expected 5 more of pictures");
  bytes.resize(10);
  CHECK(refused(images, bytes) ==
        "DIR/train-images-idx3-ubyte: ends after 10 bytes, expected 2 more of the header");
  CHECK(refused(images, {}) == "DIR/train-images-idx3-ubyte: empty file");
  bytes = whole;
  bytes.push_back(0);
  CHECK(refused(images, bytes) ==
        "DIR/train-images-idx3-ubyte: goes on after 40 bytes, expected its end");
  CHECK(refused(images, idx_of({24}, counted_bytes(24))) ==
        "DIR/train-images-idx3-ubyte: not an idx file of bytes with 3 dimensions");
  bytes = whole;
  bytes[2] = 0x0d;  // floats
  CHECK(refused(images, bytes) ==
        "DIR/train-images-idx3-ubyte: not an idx file of bytes with 3 dimensions");
  CHECK(refused(images, idx_of({4, 0xffffffff, 0xffffffff}, counted_bytes(24))) ==
        "DIR/train-images-idx3-ubyte: states more elements than a file of its size can hold");
  CHECK(refused(images, idx_of({4, 0, 3}, {})) == "DIR/train-images-idx3-ubyte: dimension 1 is 0");
  CHECK(refused(labels, idx_of({3}, {0, 1, 2})) ==
        "DIR/train-images-idx3-ubyte: 4 pictures, expected 3, the number of labels in "
        "train-labels-idx1-ubyte");
  CHECK(refused(labels, idx_of({4}, {0, 1, 0, 1})) == "");
  CHECK(refused(labels, idx_of({4}, {0, 0, 0, 0})) ==
        "DIR: a test picture has the label 1, over 0, the largest in training");
  write_mnist(folder.path());
  std::filesystem::remove(labels);
  CHECK(dataset_refusal(folder.path()) ==
        "DIR: has train-images-idx3-ubyte but no train-labels-idx1-ubyte");
}

TEST_CASE("open_dataset: damaged packed files are refused by name") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  std::filesystem::remove(folder / "train-images-idx3-ubyte");
  const auto file = folder / "train-images-idx3-ubyte.gz";
  const Bytes content = idx_of({4, 2, 3}, counted_bytes(24)), packed = gzip_of(content);
  write_bytes(file, packed);
  CHECK(dataset_refusal(folder.path()) == "");
  for (size_t size = 1; size < packed.size(); ++size) {  // the last 8 bytes: checksum and length
    write_bytes(file, {packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK(dataset_refusal(folder.path()).starts_with("DIR/train-images-idx3-ubyte.gz: "));
  }
  for (size_t i = packed.size() - 8; i < packed.size(); ++i) {
    Bytes damaged = packed;
    damaged[i] ^= 1;
    write_bytes(file, damaged);
    CHECK(dataset_refusal(folder.path())
              .starts_with("DIR/train-images-idx3-ubyte.gz: damaged gzip file"));
  }
  write_bytes(file, gzip_of(idx_of({40000, 1000, 1000}, {})));  // 40 GB out of a few bytes
  CHECK(dataset_refusal(folder.path()) ==
        "DIR/train-images-idx3-ubyte.gz: states more elements than a file of its size can hold");
  write_bytes(file, content);  // packed by its name only
  CHECK(dataset_refusal(folder.path()) == "");
}

TEST_CASE("open_dataset: a network's classes give the labels of packed files") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  std::filesystem::remove(folder / "train-images-idx3-ubyte");
  std::filesystem::remove(folder / "train-labels-idx1-ubyte");
  const Dataset data = open_dataset(folder.path(), {.classes = {"x", "1", "0"}});
  CHECK(data.train.empty());
  CHECK(data.classes == Names{"x", "1", "0"});
  CHECK(data.val[0].label == 1);
  CHECK(data.val[1].label == 2);
  CHECK(dataset_refusal(folder.path(), {.classes = {"0", "2"}}) ==
        "DIR: has a class '1' that the model does not have");
}

TEST_CASE("open_dataset: anything else is a folder of pictures") {
  const TemporaryFolder folder;
  write_bytes(folder / "a/1.jpg", {1});
  write_bytes(folder / "b/1.jpg", {1});
  CHECK(open_dataset(folder.path(), {}).layout == "folders of pictures");
  CHECK(dataset_refusal(folder / "missing") == "DIR: no such folder");
}

TEST_CASE("BatchLoader does not know where pictures lie") {
  const TemporaryFolder folder;
  write_mnist(folder / "mnist");
  write_cifar10(folder / "cifar");
  write_bytes(folder / "7.jpg", jpeg_of(noise(20, 24)));
  const Dataset mnist = open_dataset(folder / "mnist", {});
  const Dataset cifar = open_dataset(folder / "cifar", {});
  const std::vector<Sample> mixed{
      mnist.train[2], {folder / "7.jpg", 5}, cifar.val[1], {folder / "8.jpg", 5}};
  Preprocessing preprocessing;
  preprocessing.resize = 8;
  preprocessing.crop = 8;
  BatchLoader loader(mixed, preprocessing, {.batch_size = 4});
  Batch batch;
  REQUIRE(loader.next(batch));
  CHECK(batch.labels == std::vector<int32_t>{1, 5, 1});
  REQUIRE(loader.failures().size() == 1);
  CHECK(loader.failures()[0].cause == "No such file or directory");
  std::vector<float> expected(static_cast<size_t>(preprocessing.size()));
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) {
    preprocess(read_picture(mixed[i]), preprocessing, expected.data());
    CHECK(std::memcmp(expected.data(), batch.pixels.data() + i * expected.size(),
                      expected.size() * sizeof(float)) == 0);
  }
}

}  // namespace
}  // namespace tl
