// read_image: the content decides, refusals in words, sizes before memory; and JPEG's pixels. The
// other formats have files of their own; damaged files are in damaged_pictures_test.cpp.
#include "io/image.h"

#include <doctest/doctest.h>

#include <array>

#include "io/picture_format.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

TEST_CASE("read_image: JPEG in colour, grey, CMYK and YCCK") {
  // Flat colours survive the transform; Adobe's CMYK stores 255 - ink, so (255, 255, 255, 255) is
  // white.
  const auto flat = [](JpegOptions options, const Bytes& sample) {
    Bytes samples;
    for (int i = 0; i < 16 * 24; ++i) append(samples, sample);
    options.quality = 100;
    return decode_image(jpeg_of(16, 24, samples, options));
  };
  const auto only = [](const Image& image, std::array<int, 3> rgb, int off = 0) {
    CHECK(image.height == 16);
    CHECK(image.width == 24);
    bool equal = image.rgb.size() == 16 * 24 * 3;
    for (size_t i = 0; i < image.rgb.size(); ++i) {
      equal = equal && std::abs(image.rgb[i] - rgb[i % 3]) <= off;
    }
    CHECK(equal);
  };
  only(flat({.space = JCS_GRAYSCALE}, {77}), {77, 77, 77});
  only(flat({.space = JCS_RGB}, {90, 90, 90}), {90, 90, 90});
  only(flat({.space = JCS_CMYK}, {255, 255, 255, 255}), {255, 255, 255});
  only(flat({.space = JCS_CMYK}, {0, 255, 255, 200}), {0, 200, 200});
  only(flat({.space = JCS_CMYK}, {128, 64, 0, 100}), {50, 25, 0});
  // As the line above, but for the rounding of YCC.
  only(flat({.space = JCS_CMYK, .ycck = true}, {128, 64, 0, 100}), {50, 25, 0}, 2);
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
  CHECK(read_image(folder / "really_png.jpg").rgb == Bytes{5, 5, 5});
  write_bytes(folder / "really_gif.png", gif_of({1, 1, {1, 2, 3, 4, 5, 6}}, {1}));
  CHECK(read_image(folder / "really_gif.png").rgb == Bytes{4, 5, 6});
  write_bytes(folder / "really_bmp.webp", bmp_of(Image{1, 1, {4, 5, 6}}));
  CHECK(read_image(folder / "really_bmp.webp").rgb == Bytes{4, 5, 6});
  write_bytes(folder / "really_webp.bmp", webp_of(Image{1, 1, {4, 5, 6}}, true));
  CHECK(read_image(folder / "really_webp.bmp").rgb == Bytes{4, 5, 6});
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
  write_bytes(folder / "a.jpg", {'I', 'I', '*', 0});
  CHECK(refusal_of("a.jpg") ==
        "is a TIFF, not a picture format that is read: JPEG, PNG, BMP, GIF, WebP");
}

TEST_CASE("read_image: what is no picture that is read is refused by its name") {
  const std::string read = " a picture format that is read: JPEG, PNG, BMP, GIF, WebP";
  const auto refusal_of = [](std::string_view content) {
    return refusal(Bytes(content.begin(), content.end()));
  };
  CHECK(refusal_of({"MM\0*", 4}) == "is a TIFF, not" + read);
  CHECK(refusal_of({"\0\0\0\x20"
                    "ftypavif",
                    12}) == "is an AVIF, not" + read);
  CHECK(refusal_of({"\0\0\0\x20"
                    "ftypheic",
                    12}) == "is a HEIC, not" + read);
  CHECK(refusal_of({"\0\0\0\x20"
                    "ftypmif1",
                    12}) == "is a HEIC, not" + read);
  CHECK(refusal_of({"\0\0\0\x20"
                    "ftypisom",
                    12}) == "is a film, not" + read);
  CHECK(refusal_of({"\0\0\0\x0cjP  \r\n", 10}) == "is a JPEG 2000, not" + read);
  CHECK(refusal_of("%PDF-1.7") == "is a PDF, not" + read);
  CHECK(refusal_of("<?xml version='1.0'?>\n<svg xmlns='x'>") == "is an SVG, not" + read);
  CHECK(refusal_of("<!doctype html>\n<html>404") == "is a web page, not" + read);
  CHECK(refusal_of("hello") == "is text, not" + read);
  CHECK(refusal_of("GIF88a") == "is text, not" + read);
  CHECK(refusal_of("gr\xc3\xbc\xc3\x9f dich") == "is text, not" + read);
  CHECK(refusal_of({"\1\2\3\4", 4}) == "not" + read);
  CHECK(refusal_of("\xff\xd8") == "not" + read);
  CHECK(refusal_of({"RIFF\4\0\0\0WAVE", 12}) == "not" + read);
}

TEST_CASE("read_image: sizes are checked before pixels are allocated") {
  CHECK(error_of([] { check_picture_size(16384, 10922); }) == "");
  CHECK(error_of([] { check_picture_size(16384, 10923); }).find("over the limit") !=
        std::string::npos);
  CHECK(error_of([] { check_picture_size(0, 5); }) == "a picture of 0 x 5 pixels");
  CHECK(refusal(png_of({1, 0x7f7f7f7f, 8, 0}, {5})).find("over the limit") != std::string::npos);

  auto jpeg = jpeg_of(noise(16, 16));
  for (size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] != 0xff || jpeg[i + 1] != 0xc0) continue;
    for (size_t k = i + 5; k < i + 9; ++k) jpeg[k] = 0xfe;  // height and width
    break;
  }
  CHECK(refusal(jpeg).find("over the limit") != std::string::npos);
}

TEST_CASE("read_image: truncation anywhere is an error, JPEG's missing end marker is not") {
  const Image image = noise(61, 83);
  const auto pieces = [](const Bytes& file, const std::string& name) {
    for (size_t part = 0; part < 20; ++part) {
      CAPTURE(part);
      CHECK(refusal(part_of(file, 0, file.size() * part / 20)) ==
            (part == 0 ? "empty file" : "truncated " + name));
    }
  };
  pieces(jpeg_of(image), "JPEG");
  pieces(jpeg_of(image, {.progressive = true}), "JPEG");
  pieces(png_of({61, 83, 8, 2}, image.rgb), "PNG");
  pieces(bmp_of(image), "BMP");
  pieces(gif_of({.width = 83, .height = 61, .palette = Bytes(768)}, part_of(image.rgb, 0, 61 * 83)),
         "GIF");

  auto endless = jpeg_of(image);
  endless.erase(endless.end() - 2, endless.end());
  CHECK(refusal(endless) == "");
  CHECK(decode_image(endless).rgb == decode_image(jpeg_of(image)).rgb);
}

TEST_CASE("picture_endings: lower case, with the dot, all formats") {
  const auto endings = picture_endings();
  for (const std::string_view format : {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}) {
    CHECK(std::ranges::find(endings, format) != endings.end());
  }
  for (const std::string_view ending : endings) {
    CHECK(ending.starts_with('.'));
    CHECK(std::ranges::none_of(ending, [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
}

}  // namespace
}  // namespace tl
