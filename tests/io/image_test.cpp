// read_image: exact pixels, refusals in words, and damaged files.
#include "io/image.h"

#include <doctest/doctest.h>

#include <array>
#include <random>

#include "io/picture_format.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

void append(std::vector<uint8_t>& bytes, const std::vector<uint8_t>& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

std::vector<uint8_t> big_endian(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

void append_chunk(std::vector<uint8_t>& png, const char* name, const std::vector<uint8_t>& data) {
  append(png, big_endian(static_cast<uint32_t>(data.size())));
  std::vector<uint8_t> body(name, name + 4);
  append(body, data);
  uint32_t crc = 0xffffffffu;
  for (const uint8_t byte : body) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  append(png, body);
  append(png, big_endian(~crc));
}

/// zlib's container with stored blocks only.
std::vector<uint8_t> stored_zlib(const std::vector<uint8_t>& raw) {
  std::vector<uint8_t> out{0x78, 0x01};
  uint32_t a = 1, b = 0;
  for (const uint8_t byte : raw) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  for (size_t at = 0; at < raw.size() || at == 0; at += 65535) {
    const auto n = static_cast<uint16_t>(std::min<size_t>(65535, raw.size() - at));
    const bool last = at + n == raw.size();
    append(out, {static_cast<uint8_t>(last), static_cast<uint8_t>(n), static_cast<uint8_t>(n >> 8),
                 static_cast<uint8_t>(~n), static_cast<uint8_t>(~n >> 8)});
    out.insert(out.end(), raw.begin() + static_cast<std::ptrdiff_t>(at),
               raw.begin() + static_cast<std::ptrdiff_t>(at + n));
  }
  append(out, big_endian((b << 16) | a));
  return out;
}

struct Png {
  uint32_t height, width;
  uint8_t depth, colour;  // colour: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA
  std::vector<uint8_t> palette = {}, transparency = {};
};

/// `rows`: the samples of all rows as PNG packs them.
std::vector<uint8_t> png_of(const Png& png, const std::vector<uint8_t>& rows) {
  std::vector<uint8_t> file{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  std::vector<uint8_t> header = big_endian(png.width);
  append(header, big_endian(png.height));
  append(header, {png.depth, png.colour, 0, 0, 0});
  append_chunk(file, "IHDR", header);
  if (!png.palette.empty()) append_chunk(file, "PLTE", png.palette);
  if (!png.transparency.empty()) append_chunk(file, "tRNS", png.transparency);
  std::vector<uint8_t> raw;
  const size_t stride = rows.size() / png.height;
  for (size_t y = 0; y < png.height; ++y) {
    raw.push_back(0);  // no filter
    raw.insert(raw.end(), rows.begin() + static_cast<std::ptrdiff_t>(y * stride),
               rows.begin() + static_cast<std::ptrdiff_t>((y + 1) * stride));
  }
  append_chunk(file, "IDAT", stored_zlib(raw));
  append_chunk(file, "IEND", {});
  return file;
}

std::string refusal(const std::vector<uint8_t>& file) {
  return error_of([&] { decode_image(file); });
}

TEST_CASE("read_image: PNG of every colour type gives its exact RGB") {
  using Bytes = std::vector<uint8_t>;
  const Image rgb = noise(5, 7);
  CHECK(decode_image(png_of({5, 7, 8, 2}, rgb.rgb)).rgb == rgb.rgb);
  CHECK(decode_image(png_of({5, 7, 8, 2}, rgb.rgb)).height == 5);
  CHECK(decode_image(png_of({1, 2, 8, 0}, {10, 200})).rgb == Bytes{10, 10, 10, 200, 200, 200});
  CHECK(decode_image(png_of({1, 2, 8, 4}, {10, 0, 200, 77})).rgb ==
        Bytes{10, 10, 10, 200, 200, 200});
  CHECK(decode_image(png_of({1, 2, 8, 6}, {1, 2, 3, 0, 4, 5, 6, 99})).rgb ==
        Bytes{1, 2, 3, 4, 5, 6});
  CHECK(decode_image(png_of({1, 2, 8, 3, {9, 8, 7, 6, 5, 4}, {0, 128}}, {1, 0})).rgb ==
        Bytes{6, 5, 4, 9, 8, 7});
  CHECK(decode_image(png_of({1, 2, 16, 0}, {0x12, 0xff, 0xab, 0x00})).rgb ==
        Bytes{0x12, 0x12, 0x12, 0xab, 0xab, 0xab});
  CHECK(decode_image(png_of({1, 1, 16, 2}, {1, 255, 2, 255, 3, 255})).rgb == Bytes{1, 2, 3});
  CHECK(decode_image(png_of({1, 3, 1, 0}, {0b10100000})).rgb ==
        Bytes{255, 255, 255, 0, 0, 0, 255, 255, 255});
  CHECK(decode_image(png_of({1, 2, 4, 0}, {0x3f})).rgb == Bytes{51, 51, 51, 255, 255, 255});
}

TEST_CASE("read_image: JPEG in colour, grey and CMYK") {
  // Flat colours survive the transform; Adobe's CMYK stores 255 - ink, so (255, 255, 255, 255) is
  // white.
  const auto flat = [](J_COLOR_SPACE space, std::vector<uint8_t> sample) {
    std::vector<uint8_t> samples;
    for (int i = 0; i < 16 * 24; ++i) append(samples, sample);
    return decode_image(jpeg_of(16, 24, samples, {.space = space, .quality = 100}));
  };
  const auto only = [](const Image& image, std::array<uint8_t, 3> rgb) {
    CHECK(image.height == 16);
    CHECK(image.width == 24);
    bool equal = image.rgb.size() == 16 * 24 * 3;
    for (size_t i = 0; i < image.rgb.size(); ++i) equal = equal && image.rgb[i] == rgb[i % 3];
    CHECK(equal);
  };
  only(flat(JCS_GRAYSCALE, {77}), {77, 77, 77});
  only(flat(JCS_RGB, {90, 90, 90}), {90, 90, 90});
  only(flat(JCS_CMYK, {255, 255, 255, 255}), {255, 255, 255});
  only(flat(JCS_CMYK, {0, 255, 255, 200}), {0, 200, 200});
  only(flat(JCS_CMYK, {128, 64, 0, 100}), {50, 25, 0});
}

TEST_CASE("read_image: progressive and restart-interval JPEG equal the baseline one") {
  const Image image = noise(67, 45);
  const Image baseline = decode_image(jpeg_of(image));
  CHECK(decode_image(jpeg_of(image, {.progressive = true})).rgb == baseline.rgb);
  CHECK(decode_image(jpeg_of(image, {.restart_interval = 2})).rgb == baseline.rgb);
}

TEST_CASE("read_image: the content decides, not the ending") {
  const TemporaryFolder folder;
  write_bytes(folder / "really_png.jpg", png_of({1, 1, 8, 0}, {5}));
  CHECK(read_image(folder / "really_png.jpg").rgb == std::vector<uint8_t>{5, 5, 5});
}

TEST_CASE("read_image: refusals name the file and the cause") {
  const TemporaryFolder folder;
  const auto refusal_of = [&](const std::string& name) {
    const std::string text = error_of([&] { read_image(folder / name); });
    const std::string prefix = (folder / name).string() + ": ";
    CHECK(text.starts_with(prefix));
    return text.substr(std::min(prefix.size(), text.size()));
  };
  CHECK(refusal_of("missing.jpg") == "No such file or directory");
  std::filesystem::create_directory(folder / "folder.jpg");
  CHECK(refusal_of("folder.jpg") == "is a folder, expected a file");
  write_bytes(folder / "empty.jpg", {});
  CHECK(refusal_of("empty.jpg") == "empty file");
  write_bytes(folder / "text.jpg", {'h', 'e', 'l', 'l', 'o'});
  CHECK(refusal_of("text.jpg") == "not a JPEG or PNG picture");
  write_bytes(folder / "a.gif", {'G', 'I', 'F', '8', '9', 'a', 0, 0});
  CHECK(refusal_of("a.gif") == "GIF pictures are not supported yet");
  write_bytes(folder / "a.webp", {'R', 'I', 'F', 'F', 1, 2, 3, 4, 'W', 'E', 'B', 'P'});
  CHECK(refusal_of("a.webp") == "WebP pictures are not supported yet");
  write_bytes(folder / "a.bmp", {'B', 'M', 0, 0});
  CHECK(refusal_of("a.bmp") == "BMP pictures are not supported yet");
  write_bytes(folder / "a.tif", {'I', 'I', '*', 0});
  CHECK(refusal_of("a.tif") == "TIFF pictures are not supported yet");
}

TEST_CASE("read_image: sizes are checked before pixels are allocated") {
  CHECK(error_of([] { check_picture_size(16384, 10922); }) == "");
  CHECK(error_of([] { check_picture_size(16384, 10923); }).find("over the limit") !=
        std::string::npos);
  CHECK(error_of([] { check_picture_size(0, 5); }) == "a picture of 0 x 5 pixels");
  auto huge = png_of({1, 1, 8, 0}, {5});
  for (size_t i = 16; i < 24; ++i) huge[i] = 0x7f;
  CHECK(refusal(huge).find("over the limit") != std::string::npos);

  auto jpeg = jpeg_of(noise(16, 16));
  for (size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] != 0xff || jpeg[i + 1] != 0xc0) continue;
    for (size_t k = i + 5; k < i + 9; ++k) jpeg[k] = 0xfe;  // height and width
    break;
  }
  CHECK(refusal(jpeg).find("over the limit") != std::string::npos);
}

TEST_CASE("read_image: a flipped bit of a PNG is noticed, wherever it is") {
  const auto png = png_of({2, 3, 8, 3, {9, 8, 7, 6, 5, 4}, {0, 128}}, {1, 0, 1, 0, 1, 0});
  REQUIRE(refusal(png) == "");
  for (size_t i = 0; i < png.size(); ++i) {
    auto damaged = png;
    damaged[i] ^= 1;
    CAPTURE(i);
    CHECK(is_one_line(refusal(damaged)));
  }
}

TEST_CASE("read_image: a PNG longer than the decoder can count is refused unread") {
  const auto png = png_of({1, 1, 8, 0}, {5});
  const std::span<const uint8_t> endless(png.data(),
                                         size_t{1} << 31);  // only its size is looked at
  CHECK(error_of([&] { decode_png(endless); }) ==
        "PNG of 2147483648 bytes, over the limit of 2147483647");
}

/// zlib's container with one zero and then `repeats` times "258 more of that", 13 bits each.
std::vector<uint8_t> zlib_of_zeros(int repeats) {
  std::vector<uint8_t> out{0x78, 0x01};
  int used = 8;
  const auto put = [&](unsigned bits, int count) {  // Huffman codes go first bit first
    for (int i = count - 1; i >= 0; --i) {
      if (used == 8) {
        out.push_back(0);
        used = 0;
      }
      out.back() = static_cast<uint8_t>(out.back() | (((bits >> i) & 1u) << used++));
    }
  };
  put(0b110, 3);  // the last block, fixed codes
  put(0b00110000, 8);
  for (int i = 0; i < repeats; ++i) put(0b1100010100000, 13);
  put(0, 7);
  append(out, {0, 0, 0, 0});  // stb_image does not look at the checksum
  return out;
}

TEST_CASE("read_image: a PNG that unpacks to more than its picture is stopped") {
  const auto with_stream = [](int repeats) {
    std::vector<uint8_t> file = png_of({128, 128, 8, 6}, std::vector<uint8_t>(128 * 128 * 4));
    file.resize(8 + 25);  // signature and IHDR stay
    append_chunk(file, "IDAT", zlib_of_zeros(repeats));
    append_chunk(file, "IEND", {});
    return file;
  };
  CHECK(refusal(with_stream(255)) ==
        "");  // 255 * 258 + 1 bytes, and 128 * (128 * 4 + 1) are needed
  CHECK(refusal(with_stream(254)) == "truncated PNG");
  CHECK(refusal(with_stream(400'000)) ==
        "broken PNG (the pixel stream is longer than the picture)");
}

TEST_CASE("read_image: truncation anywhere is an error, a missing end marker is not") {
  const Image image = noise(61, 83);
  for (const bool progressive : {false, true}) {
    const auto jpeg = jpeg_of(image, {.progressive = progressive});
    for (size_t part = 0; part < 20; ++part) {
      const std::vector<uint8_t> cut(
          jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(jpeg.size() * part / 20));
      CAPTURE(part);
      CHECK(refusal(cut) == (part == 0 ? "empty file" : "truncated JPEG"));
    }
  }
  auto endless = jpeg_of(image);
  endless.resize(endless.size() - 2);
  CHECK(refusal(endless) == "");
  CHECK(decode_image(endless).rgb == decode_image(jpeg_of(image)).rgb);

  const auto png = png_of({61, 83, 8, 2}, image.rgb);
  for (size_t part = 0; part < 20; ++part) {
    const std::vector<uint8_t> cut(
        png.begin(), png.begin() + static_cast<std::ptrdiff_t>(png.size() * part / 20));
    CAPTURE(part);
    CHECK(refusal(cut) == (part == 0 ? "empty file" : "truncated PNG"));
  }
}

TEST_CASE("read_image: flipped bytes give a picture or one line") {
  std::mt19937_64 random(7);
  const Image image = noise(40, 33);
  const std::vector<std::vector<uint8_t>> files{
      jpeg_of(image), jpeg_of(image, {.progressive = true}),
      jpeg_of(image, {.restart_interval = 1}), png_of({40, 33, 8, 2}, image.rgb),
      png_of({40, 33, 8, 3, image.rgb, {}}, std::vector<uint8_t>(40 * 33, 3))};
  int refused = 0;
  for (const auto& file : files) {
    for (int round = 0; round < 200; ++round) {
      auto damaged = file;
      const size_t reach = round % 2 ? damaged.size() : std::min<size_t>(damaged.size(), 200);
      for (int flips = 0; flips <= round % 4; ++flips) {
        damaged[random() % reach] = static_cast<uint8_t>(random());
      }
      try {
        const Image read = decode_image(damaged);
        CHECK(read.rgb.size() == static_cast<size_t>(read.height * read.width * 3));
      } catch (const std::exception& error) {
        CHECK(is_one_line(error.what()));
        ++refused;
      }
    }
  }
  CHECK(refused > 100);
}

}  // namespace
}  // namespace tl
