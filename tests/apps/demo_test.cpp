// The demo's training: the weights inside the program know their task, and every number that it
// prints repeats to the bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "apps/array_tensor.h"
#include "apps/demo/demo_network.h"
#include "apps/demo/embedded_weights.h"
#include "apps/demo/pretrain.h"
#include "apps/demo/transfer.h"
#include "apps/demo/views.h"
#include "apps/score.h"
#include "io/hdf5_weights.h"
#include "models/weight_names.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("demo: the eight views of a picture are its turns and mirror images") {
  // 2 x 2 pixels of 3 channels, told apart by their first.
  const std::vector<float> x = {1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0};
  std::set<std::vector<float>> views;
  for (int view = 0; view < kViews; ++view) {
    std::vector<float> y(12);
    turn_picture(x.data(), y.data(), 2, 3, view);
    // Turned or mirrored, opposite corners stay opposite: 1 + 4 = 2 + 3.
    CHECK(y[0] + y[9] == 5);
    CHECK(y[3] + y[6] == 5);
    CHECK(y[1] == 0);
    views.insert(y);
    if (view == 0) CHECK(y == x);
  }
  CHECK(views.size() == kViews);
}

TEST_CASE("demo: random views change the pixels and leave the rest of a batch alone") {
  const PictureSet set = draw_part(imbalanced_task(), Part::training, 0);
  std::vector<std::int64_t> order(20);
  std::iota(order.begin(), order.end(), 80);
  Generator random(1);
  const BatchSource plain = batches_of(set.pixels, set.labels, order, 8);
  const BatchSource turned =
      with_random_views(batches_of(set.pixels, set.labels, order, 8), kSceneSize, 3, random);
  Batch a, b;
  int same = 0, batches = 0;
  const auto size = static_cast<std::size_t>(scene_shape().size());
  for (; plain(a); ++batches) {
    REQUIRE(turned(b));
    CHECK(a.labels == b.labels);
    CHECK(a.indices == b.indices);
    for (std::size_t at = 0; at < a.pixels.size(); at += size) {
      std::vector<float> x(&a.pixels[at], &a.pixels[at] + size),
          y(&b.pixels[at], &b.pixels[at] + size);
      same += x == y;
      std::sort(x.begin(), x.end());
      std::sort(y.begin(), y.end());
      CHECK(x == y);
    }
  }
  CHECK(batches == 3);
  CHECK(same < 10);
  CHECK_FALSE(turned(b));
}

TEST_CASE("demo: the weights inside the program know their own task") {
  const WeightsFile file = read_hdf5(embedded_weights());
  CHECK(embedded_weights().size() < 5'000'000);
  const SceneTask task = source_task();
  Generator random(0);
  const auto network = fresh_network(std::ssize(task.classes), random, {});
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, array] : file.arrays) tensors.emplace(name, to_tensor(array));
  const ImportReport report = import_weights(*network, tensors);
  CHECK(report.matched.size() == network->state().size());
  CHECK(report.unexpected.empty());
  for (const std::string& name : task.class_names())
    CHECK(file.attributes.at("classes").find('"' + name + '"') != std::string::npos);

  network->eval();
  FrozenNetwork frozen(*network);
  const PictureSet test = draw_part(task, Part::test, 1);
  std::vector<std::int64_t> order(test.labels.size());
  std::iota(order.begin(), order.end(), 0);
  const Predictions answers = predict_all(frozen, scene_shape(), Device::cpu,
                                          batches_of(test.pixels, test.labels, order, 64));
  CHECK(answers.score()->accuracy > 0.85);
}

TEST_CASE("demo: a pretrained network has the file's backbone, and a new head even of its shape") {
  Generator a(1), b(2);
  const auto first = pretrained_network(32, a, {}), second = pretrained_network(32, b, {});
  const auto x = first->state(), y = second->state();
  REQUIRE(x.size() == y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i].name);
    const bool is_equal = x[i].tensor.to_vector<float>() == y[i].tensor.to_vector<float>();
    CHECK(is_equal == !x[i].name.starts_with("fc."));
  }
}

// Minutes under a sanitizer, which sees the same code in the tests of the trainers.
#ifdef TL_EXACT_ALLOCATION
constexpr bool kIsSlowBuild = true;
#else
constexpr bool kIsSlowBuild = false;
#endif

TEST_CASE("demo: every method repeats itself, for any number of threads, and transfer wins" *
          doctest::skip(kIsSlowBuild)) {
  const SceneTask task = balanced_task();
  const PictureSet training = draw_part(task, Part::training, 0);
  const PictureSet test = draw_part(task, Part::test, 0);
  const TransferOptions brief{.scratch_epochs = 2, .head_epochs = 5, .fine_tuning_epochs = 1};
  std::map<Method, double> accuracy;
  for (const Method method : kMethods) {
    CAPTURE(name_of(method));
    check_same_for_all_thread_counts([&] {
      const Outcome o = run_method(method, 5, training, test, 3, brief);
      accuracy[method] = o.accuracy;
      return std::array{o.accuracy, o.balanced_accuracy, o.f1};
    });
  }
  CHECK(accuracy[Method::head] > accuracy[Method::scratch] + 0.2);
  CHECK(accuracy[Method::fine_tuned] > accuracy[Method::scratch] + 0.2);
}

TEST_CASE("demo: pretraining writes the same file for any number of threads" *
          doctest::skip(kIsSlowBuild)) {
  const TemporaryFolder folder;
  check_same_for_all_thread_counts([&] {
    pretrain({.out = folder / "w.h5", .steps = 2, .quiet = true});
    const std::string bytes = bytes_of(folder / "w.h5");
    CHECK(bytes.size() > 1'000'000);
    return bytes;
  });
}

}  // namespace tl::test
