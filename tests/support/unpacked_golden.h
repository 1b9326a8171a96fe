// Golden files that are packed by gzip.
#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace tl::test {

/// tests/golden/NAME.gz, unpacked, while this lives.
class UnpackedGolden {
 public:
  explicit UnpackedGolden(const std::string& name)
      : path_(folder_ / std::filesystem::path(name).filename().string()) {
    const std::string packed = std::string(TL_SOURCE_DIR "/tests/golden/") + name + ".gz";
    const gzFile file = gzopen(packed.c_str(), "rb");
    REQUIRE_MESSAGE(file != nullptr, packed);
    std::ofstream out(path_, std::ios::binary);
    char block[1 << 16];
    int got = 0;
    while ((got = gzread(file, block, sizeof block)) > 0) out.write(block, got);
    CHECK(got == 0);
    gzclose(file);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  const TemporaryFolder folder_;
  const std::filesystem::path path_;
};

}  // namespace tl::test
