// features_of_files: the network's answers, the same bits whatever the cache knew.
#include "apps/file_features.h"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>

#include "apps/model_file.h"
#include "io/packed_pictures.h"
#include "io/png_write.h"
#include "models/resnet.h"
#include "tests/support/compare.h"
#include "tests/support/op_case.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

Image picture(std::uint64_t number) {
  Random random(number);
  Image x{40, 44, {}};
  for (int i = 0; i < 40 * 44 * 3; ++i)
    x.rgb.push_back(static_cast<std::uint8_t>(random.integer(0, 255)));
  return x;
}

Preprocessing of_size(int side) {
  Preprocessing how;
  how.resize = how.crop = side;
  return how;
}

/// A network, pictures, and a place for a cache.
struct Setting {
  explicit Setting(int side = 64, Device where = Device::cpu,
                   const ResNetConfig& config = resnet_config("resnet18"))
      : device(where), how(of_size(side)), random(1), network(config, random, {DType::f32, where}) {
    network.eval();
  }

  /// Files of pictures first ... first + count - 1.
  std::vector<Sample> samples(int first, int count) {
    std::vector<Sample> list;
    for (int i = first; i < first + count; ++i) {
      const auto path = folder / (std::to_string(i) + ".png");
      if (!std::filesystem::exists(path)) write_png(path, picture(static_cast<std::uint64_t>(i)));
      list.push_back({.path = path, .label = i % 3});
    }
    return list;
  }

  Features features(const std::vector<Sample>& list, FeatureCache& cache) {
    FrozenNetwork frozen(network, [this](PlanBuilder& plan, const PlanValue& x) {
      return network.lower_features(plan, x);
    });
    return features_of_files(frozen, list, how, device, cache, broken);
  }
  /// Without a cache.
  Features features(const std::vector<Sample>& list) {
    FeatureCache none("", "", network.config.feature_count());
    return features(list, none);
  }
  FeatureCache cache() { return {folder / "cache", "net", network.config.feature_count()}; }

  TemporaryFolder folder;
  Device device;
  Preprocessing how;
  Generator random;
  ResNet network;
  BrokenPictures broken{false};
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_same(const Features& a, const Features& b) {
  CHECK(a.columns == b.columns);
  CHECK(a.labels == b.labels);
  CHECK(a.samples == b.samples);
  CHECK(same_bits(a.x, b.x));
}

}  // namespace

TEST_CASE("features of files are those of the network, picture by picture, on every device") {
  EveryDevice every("features of files");
  every.run([&](Device device) {
    Setting s(16, device, {.depths = {1, 1}, .width = 4, .stem = ResNetStem::conv3});
    const auto samples = s.samples(0, 35);
    const Features found = s.features(samples);
    REQUIRE(found.rows() == 35);
    REQUIRE(found.columns == 8);
    NoGrad no_grad;
    for (const std::size_t i : {0, 31, 32, 34}) {
      std::vector<float> pixels(static_cast<std::size_t>(s.how.size()));
      preprocess(read_picture(samples[i]), s.how, pixels.data());
      const auto expected =
          s.network.features(Tensor::from(pixels, {1, 16, 16, 3}, DType::f32, device))
              .to_vector<float>();
      CAPTURE(i);
      for (std::size_t k = 0; k < 8; ++k)
        CHECK(found.x[i * 8 + k] == doctest::Approx(expected[k]).epsilon(1e-4));
      CHECK(found.labels[i] == static_cast<std::int32_t>(i % 3));
      CHECK(found.samples[i] == static_cast<std::int64_t>(i));
    }
  });
}

TEST_CASE("with a cache, warm or cold, features are the same bits as without") {
  Setting s;
  const auto samples = s.samples(0, 40);
  const Features expected = s.features(samples);
  for (const int hits : {0, 40, 40}) {
    FeatureCache cache = s.cache();
    check_same(s.features(samples, cache), expected);
    CHECK(cache.hits() == hits);
  }
}

TEST_CASE("a cache that knows some of the pictures leaves the others as they are") {
  Setting s;
  {
    FeatureCache cache = s.cache();
    s.features(s.samples(3, 40), cache);  // 3 ... 34 in a batch of 32, 35 ... 42 in one of 8
  }
  const auto samples = s.samples(0, 66);  // 0 ... 63 in batches of 32, 64 and 65 in one of 2
  FeatureCache cache = s.cache();
  check_same(s.features(samples, cache), s.features(samples));
  CHECK(cache.hits() == 32);  // those from a batch of 8 might be other bits
}

TEST_CASE("a picture is known by its content, not by its name") {
  Setting s;
  auto samples = s.samples(0, 4);
  {
    FeatureCache cache = s.cache();
    s.features(samples, cache);
  }
  std::filesystem::rename(samples[0].path, s.folder / "moved.png");
  samples[0].path = s.folder / "moved.png";
  write_png(samples[1].path, picture(77));
  FeatureCache cache = s.cache();
  check_same(s.features(samples, cache), s.features(samples));
  CHECK(cache.hits() == 3);
}

TEST_CASE("what the cache knows is not decoded") {
  Setting s;
  const std::string content = "no picture";
  std::ofstream(s.folder / "a.png") << content;
  const std::vector<float> known(512, 0.25F);
  {
    FeatureCache cache = s.cache();
    cache.add(digest_of(std::as_bytes(std::span(content)), 1), known);  // in a batch of 1
  }
  FeatureCache cache = s.cache();
  CHECK(s.features({{.path = s.folder / "a.png", .label = 0}}, cache).x == known);
}

TEST_CASE("broken pictures have no row, and their place is no one else's") {
  Setting s;
  auto samples = s.samples(0, 40);
  const Features whole = s.features(samples);
  std::ofstream(s.folder / "broken.png") << "no picture";
  for (const std::size_t i : {5, 6, 35}) samples[i].path = s.folder / "broken.png";
  for (const int hits : {0, 37}) {
    FeatureCache cache = s.cache();
    const Features found = s.features(samples, cache);
    CHECK(cache.hits() == hits);
    REQUIRE(found.rows() == 37);
    const auto columns = static_cast<std::size_t>(found.columns);
    for (std::size_t row = 0; row < 37; ++row) {
      const auto sample = static_cast<std::size_t>(found.samples[row]);
      CHECK(sample == row + (row >= 5 ? 2 : 0) + (row >= 33 ? 1 : 0));
      CHECK(std::memcmp(found.x.data() + row * columns, whole.x.data() + sample * columns,
                        columns * sizeof(float)) == 0);
    }
  }
  CHECK(s.broken.count() == 1);  // one file, met three times, twice
}

TEST_CASE("records of packed files are pictures like others") {
  Setting s;
  auto packed = std::make_shared<PackedPictures>();
  Random random(5);
  for (int i = 0; i < 3 * 2 * 8 * 4; ++i)
    packed->bytes.push_back(static_cast<std::uint8_t>(random.integer(0, 255)));
  packed->stride = 2 * 8 * 4;
  packed->height = 8;
  packed->width = 8;
  packed->channels = 1;
  auto turned = std::make_shared<PackedPictures>(*packed);  // the same bytes, of another shape
  turned->height = 4;
  turned->width = 16;
  const std::vector<Sample> samples = {{"p", 0, packed, 0}, {"p", 1, packed, 2}};
  const std::vector<Sample> others = {{"p", 0, turned, 0}, {"p", 1, packed, 2}};
  {
    FeatureCache cache = s.cache();
    check_same(s.features(samples, cache), s.features(samples));
  }
  FeatureCache cache = s.cache();
  check_same(s.features(others, cache), s.features(others));
  CHECK(cache.hits() == 1);
}

TEST_CASE("features of files are the same bits for any number of threads") {
  Setting s;
  const auto samples = s.samples(0, 35);
  check_same_for_all_thread_counts([&] { return s.features(samples).x; });
}

TEST_CASE("no pictures, no features") {
  Setting s;
  const Features none = s.features({});
  CHECK(none.rows() == 0);
  CHECK(none.x.empty());
}

TEST_CASE("what stops a pass leaves what it has computed in the cache") {
  Setting s;
  const auto samples = s.samples(0, 70);
  FrozenNetwork frozen(s.network, [&](PlanBuilder& plan, const PlanValue& x) {
    return s.network.lower_features(plan, x);
  });
  {
    FeatureCache cache = s.cache();
    CHECK_THROWS_AS(features_of_files(frozen, samples, s.how, s.device, cache, s.broken,
                                      [](std::int64_t read) { check(read < 64, "stopped"); }),
                    Error);
  }
  FeatureCache cache = s.cache();
  check_same(s.features(samples, cache), s.features(samples));
  CHECK(cache.hits() == 32);
}

}  // namespace tl::test
