// JPEG by libjpeg(-turbo). Reading order: Decoder (libjpeg's state and its error exit), guarded()
// (one libjpeg call from which an error may jump), the memory source, decode_jpeg.
//
// libjpeg reports errors by a function that must not return, so it longjmps. A jump over a C++
// object would skip its destructor; therefore every jump starts and ends inside guarded(), whose
// callee holds trivial objects only, and all memory of ours lives outside.

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

// clang-format off
#include <jpeglib.h>  // does not include <cstdio> itself, which it needs
// clang-format on

#include "io/exif.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

/// A progressive file may rewrite the whole picture in each scan; real encoders use about ten.
constexpr int max_scans = 500;

struct Decoder {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";

  Decoder() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = [](j_common_ptr common) {
      auto* self = static_cast<Decoder*>(common->client_data);
      common->err->format_message(common, self->message);
      std::longjmp(self->jump, 1);
    };
    errors.output_message = [](j_common_ptr) {};  // warnings: accepted in silence, as Pillow does
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }  // takes a struct that was never created, too
};

/// f() with libjpeg's errors turned into Error; f must create nothing that has a destructor.
template <class F>
void guarded(Decoder& decoder, F f) {
  if (setjmp(decoder.jump) == 0) {
    f();
    return;
  }
  throw Error(concat("broken JPEG (", decoder.message, ")"));
}

/// The whole file is one buffer that cannot be refilled: at its end libjpeg suspends, and a call
/// that suspends means that the file stops early.
void read_from(Decoder& decoder, std::span<const uint8_t> file) {
  jpeg_source_mgr& source = decoder.source;
  source.next_input_byte = file.data();
  source.bytes_in_buffer = file.size();
  source.init_source = [](j_decompress_ptr) {};
  source.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
  source.skip_input_data = [](j_decompress_ptr info, long count) {
    if (count <= 0) return;
    const size_t step = std::min(static_cast<size_t>(count), info->src->bytes_in_buffer);
    info->src->next_input_byte += step;
    info->src->bytes_in_buffer -= step;
  };
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = [](j_decompress_ptr) {};
  decoder.info.src = &source;
}

void limit_scans(Decoder& decoder) {
  decoder.progress.progress_monitor = [](j_common_ptr common) {
    if (!common->is_decompressor) return;
    auto* self = static_cast<Decoder*>(common->client_data);
    if (self->info.input_scan_number <= max_scans) return;
    std::snprintf(self->message, sizeof self->message, "more than %d scans", max_scans);
    std::longjmp(self->jump, 1);
  };
  decoder.info.progress = &decoder.progress;
}

/// The orientation that the first EXIF block states (marker APP1, which XMP uses as well).
int orientation_of(const jpeg_decompress_struct& info) {
  for (const jpeg_saved_marker_ptr* at = &info.marker_list; *at; at = &(*at)->next) {
    const std::span<const uint8_t> data((*at)->data, (*at)->data_length);
    constexpr char exif[] = "Exif\0";  // and the 0 that ends it
    if (data.size() >= sizeof exif && std::memcmp(data.data(), exif, sizeof exif) == 0)
      return exif_orientation(data);
  }
  return 1;
}

/// Inverted CMYK, as Adobe writes it: stored = 255 - ink. rgb = white - ink * white / 255 with
/// Pillow's rounding of the division.
void rgb_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* rgb, int64_t pixels) {
  for (int64_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * white + 128;
      const int ink = ((product >> 8) + product) >> 8;
      rgb[channel] = static_cast<uint8_t>(std::max(white - ink, 0));
    }
  }
}

void rgb_from_grey(const uint8_t* grey, uint8_t* rgb, int64_t pixels) {
  for (int64_t i = 0; i < pixels; ++i) rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey[i];
}

}  // namespace

Image decode_jpeg(std::span<const uint8_t> file) {
  Decoder decoder;
  jpeg_decompress_struct& info = decoder.info;
  guarded(decoder, [&] { jpeg_create_decompress(&info); });
  read_from(decoder, file);
  limit_scans(decoder);

  guarded(decoder, [&] { jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff); });
  int header = JPEG_SUSPENDED;
  guarded(decoder, [&] { header = jpeg_read_header(&info, TRUE); });
  check(header != JPEG_SUSPENDED, "truncated JPEG");
  check_picture_size(info.image_width, info.image_height);
  const int parts = info.num_components;
  check(parts == 1 || parts == 3 || parts == 4, "JPEG with ", parts,
        " components, expected 1, 3 or 4");
  const int orientation = orientation_of(info);
  info.out_color_space = parts == 1 ? JCS_GRAYSCALE : parts == 3 ? JCS_RGB : JCS_CMYK;

  boolean complete = FALSE;
  guarded(decoder, [&] { complete = jpeg_start_decompress(&info); });
  check(complete, "truncated JPEG");

  Image image{info.image_height, info.image_width, {}};
  const auto row_bytes = static_cast<size_t>(image.width) * 3;
  image.rgb.resize(static_cast<size_t>(image.height) * row_bytes);
  std::vector<uint8_t> row(parts == 3 ? 0 : static_cast<size_t>(image.width * parts));
  while (info.output_scanline < info.output_height) {
    uint8_t* rgb = image.rgb.data() + info.output_scanline * row_bytes;
    JSAMPROW target = parts == 3 ? rgb : row.data();
    JDIMENSION rows = 0;
    guarded(decoder, [&] { rows = jpeg_read_scanlines(&info, &target, 1); });
    check(rows == 1, "truncated JPEG");
    if (parts == 1) rgb_from_grey(row.data(), rgb, image.width);
    if (parts == 4) rgb_from_inverted_cmyk(row.data(), rgb, image.width);
  }
  // A missing end marker is no fault once all rows are there, so a suspended finish is ignored.
  guarded(decoder, [&] { jpeg_finish_decompress(&info); });
  return upright(std::move(image), orientation);
}

}  // namespace tl
