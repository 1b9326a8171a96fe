// preprocess: by hand, then every backend against ref: integers up to the last division, which all
// make alike, so bits compare with ==. That ref's are io's own, tests/io/kernel_view_test.cpp says.
#include "kernels/preprocess.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/resize_weights.h"
#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// A picture whose pixels are not on a device yet.
struct Picture {
  Values x;
  PreprocessAxis rows, columns;
  bool mirrored = false;
};

Values run_preprocess(const Backend& b, DType dtype, const PreprocessProblem& p,
                      const std::vector<Picture>& pictures, std::int64_t offset = 0) {
  std::vector<DeviceBuffer> x;
  std::vector<PreprocessPicture> views;
  for (const Picture& picture : pictures) {
    x.emplace_back(b, DType::u8, picture.x, offset);
    views.push_back({x.back(), picture.rows, picture.columns, picture.mirrored});
  }
  const std::int64_t bytes = preprocess_workspace_bytes(views);
  const DeviceBuffer workspace(b, DType::u8, bytes), y(b, dtype, p.y_size(), offset);
  b.preprocess.run({}, p, views, workspace, y);
  return y.read();
}

PreprocessAxis whole(std::int64_t size, std::int64_t resized) {
  return {.size = size, .length = size, .resized = resized, .kept = resized};
}

template <class F>
void for_each_preprocessing_backend(const F& f) {
  for (const Backend& b : tested_backends()) {
    if (!b.preprocess.run) continue;
    CAPTURE(std::string(b.name));
    f(b);
  }
}

TEST_CASE("preprocess by hand: nothing resized, mirrored, a black frame") {
  // One row of two pixels in a frame of 2 x 3; 255 normalises to (1 - 0.5) / 0.25.
  const PreprocessProblem p{
      .n = 2, .height = 2, .width = 3, .mean = {0.5f, 0, 0}, .std = {0.25f, 1, 2}};
  const Values pixels = {255, 0, 255, 0, 255, 0};
  PreprocessAxis rows = whole(1, 1), columns = whole(2, 2);
  rows.offset = 1;
  columns.offset = 1;
  const double black = -2, white = 2;
  for_each_preprocessing_backend([&](const Backend& b) {
    const Values y = run_preprocess(
        b, DType::f32, p, {{pixels, rows, columns, false}, {pixels, rows, columns, true}});
    CHECK(y == Values{black, 0, 0, black, 0, 0,   black, 0, 0,  //
                      black, 0, 0, white, 0, 0.5, black, 1, 0,  //
                      black, 0, 0, black, 0, 0,   black, 0, 0,  //
                      black, 1, 0, white, 0, 0.5, black, 0, 0});
  });
}

TEST_CASE("preprocess: scratch by hand") {
  const PreprocessPicture picture{{}, whole(3, 3), {.size = 4, .length = 4, .resized = 2}, false};
  // Rows: 3 tables of 2 + 3 numbers; columns: one of 2 + 5; 3 rows of one pixel between the passes.
  CHECK(preprocess_workspace_bytes({&picture, 1}) == 3 * 5 * 4 + 7 * 4 + 3 * 3);
}

TEST_CASE("preprocess by hand: halved, and a part alone") {
  // Halving four pixels: output 0 lies at 1 and sees those at 0.5, 1.5 and 2.5 with weights 3, 3
  // and 1 of 7, cut at the border.
  const Values row = {7, 14, 21, 0, 7, 14, 35, 0, 0, 70, 7, 7};
  const PreprocessProblem p{
      .n = 1, .height = 1, .width = 1, .std = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
  PreprocessAxis columns = whole(4, 2);
  columns.kept = 1;
  const PreprocessAxis part{.size = 4, .begin = 2, .length = 1, .resized = 1, .kept = 1};
  for_each_preprocessing_backend([&](const Backend& b) {
    const auto rounded_values = [&](const PreprocessAxis& axis) {
      Values y = run_preprocess(b, DType::f32, p, {{row, whole(1, 1), axis}});
      for (double& v : y) v = std::round(v);
      return y;
    };
    CHECK(rounded_values(columns) == Values{8, 9, 15});  // 56 / 7, 63 / 7, 105 / 7
    CHECK(rounded_values(part) == Values{35, 0, 0});
  });
}

/// Pictures of all kinds for one batch: small, large, much longer than high, enlarged, kept in
/// part, framed, mirrored.
std::vector<Picture> pictures(const PreprocessProblem& p, int count) {
  Random random(6);
  std::vector<Picture> list;
  const auto axis = [&](std::int64_t out) {
    PreprocessAxis a;
    a.size = random.integer(1, 60);
    a.begin = random.integer(0, a.size - 1);
    a.length = random.integer(1, a.size - a.begin);
    a.resized = random.integer(1, 2 * out);
    a.kept = random.integer(1, std::min(a.resized, out));
    a.first = random.integer(0, a.resized - a.kept);
    a.offset = random.integer(0, out - a.kept);
    return a;
  };
  for (int k = 0; k < count; ++k) {
    Picture picture{{}, axis(p.height), axis(p.width), k % 2 == 1};
    picture.x = random.integer_vector(picture.rows.size * picture.columns.size * 3, 0, 255);
    list.push_back(picture);
  }
  return list;
}

TEST_CASE("preprocess: the bits of ref, more pictures than a launch takes") {
  const PreprocessProblem p{.n = 70,
                            .height = 13,
                            .width = 11,
                            .mean = {0.485f, 0.456f, 0.406f},
                            .std = {0.229f, 0.224f, 0.225f}};
  const std::vector<Picture> batch = pictures(p, 70);
  const Values f32 = run_preprocess(reference(), DType::f32, p, batch);
  const Values bf16 = rounded_to_bf16(f32);
  for_each_preprocessing_backend([&](const Backend& b) {
    for (const std::int64_t offset : {0, 1}) {
      CHECK((run_preprocess(b, DType::f32, p, batch, offset) == f32));
    }
    CHECK((run_preprocess(b, DType::bf16, p, batch) == bf16));
  });
}

TEST_CASE("preprocess: weights of large and awkward scales, to the bit") {
  // One row each; the bytes are so chosen that a weight that is off by one shows: 255 everywhere
  // but at every other place.
  const PreprocessProblem p{.n = 1, .height = 1, .width = 224};
  for (const std::int64_t size : {1, 2, 223, 225, 256, 1000, 4999}) {
    CAPTURE(size);
    Values x(static_cast<std::size_t>(size * 3));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i / 3 % 2 == 0 ? 255 : 254;
    PreprocessAxis columns = whole(size, 301);
    columns.first = 77;
    columns.kept = 224;
    const Values expected = run_preprocess(reference(), DType::f32, p, {{x, whole(1, 1), columns}});
    for_each_preprocessing_backend([&](const Backend& b) {
      CHECK((run_preprocess(b, DType::f32, p, {{x, whole(1, 1), columns}}) == expected));
    });
  }
}

TEST_CASE("preprocess: nothing to do; what is refused") {
  for_each_preprocessing_backend([&](const Backend& b) {
    CHECK(run_preprocess(b, DType::f32, {.n = 0, .height = 4, .width = 4}, {}).empty());
    const PreprocessProblem p{.n = 1, .height = 2, .width = 2};
    const Values x(12, 1);
    const PreprocessAxis two = whole(2, 2);
    const auto refused = [&](const PreprocessAxis& rows, const char* why) {
      CHECK_THROWS_WITH_AS(run_preprocess(b, DType::f32, p, {{x, rows, two}}), why, Error);
    };
    PreprocessAxis odd = two;
    odd.begin = 1;
    refused(odd, "preprocess.run: picture 0: rows 1 and 2 after it are no part of 2");
    odd = two;
    odd.first = 1;
    refused(odd, "preprocess.run: picture 0: rows 1 and 2 after it are no part of 2");
    odd = two;
    odd.offset = 1;
    refused(odd, "preprocess.run: picture 0: 2 rows from 1 on do not fit into 2");
    refused(whole(3, 2), "preprocess.run: picture 0: needs [3, 2, 3] below 2^31 bytes, got 12");
    CHECK_THROWS_WITH_AS(run_preprocess(b, DType::f32, p, {}),
                         "preprocess.run: needs 1 pictures, got 0", Error);
    CHECK_THROWS_AS(run_preprocess(b, DType::i32, p, {{x, two, two}}), Error);
    const DeviceBuffer u8(b, DType::u8, x), y(b, DType::f32, 12);
    const PreprocessPicture views[] = {{u8, two, two}};
    CHECK_THROWS_AS(b.preprocess.run({}, p, views, View{}, y), Error);
  });
}

}  // namespace
}  // namespace tl::test
