// The files of tests/golden/weights, and what each must be read as.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "io/hdf5_weights.h"
#include "io/read_weights.h"

namespace tl::test {

inline std::string golden_weights(const std::string& name) {
  return TL_SOURCE_DIR "/tests/golden/weights/" + name;
}

/// As the script that wrote expected.h5 says: bf16 stands there as its 16 bits.
inline void check_same(const Array& array, const Array& expected) {
  CHECK(array.shape == expected.shape);
  if (array.dtype != DType::bf16) {
    REQUIRE(array.dtype == expected.dtype);
    REQUIRE(array.bytes() == expected.bytes());
    CHECK((array.count() == 0 ||
           std::memcmp(array.data.get(), expected.data.get(), array.bytes()) == 0));
    return;
  }
  const auto bits = expected.as<int32_t>();
  REQUIRE(array.as<BFloat16>().size() == bits.size());
  for (size_t i = 0; i < bits.size(); ++i)
    CHECK(std::bit_cast<uint16_t>(array.as<BFloat16>()[i]) == static_cast<uint16_t>(bits[i]));
}

/// `file` has the arrays of expected.h5 below `group`, and no others; before each name in it stands
/// `prefix`.
inline void check_golden(const WeightsFile& file, const std::string& group,
                         const std::string& prefix = "") {
  const WeightsFile expected = read_hdf5(golden_weights("expected.h5"));
  size_t count = 0;
  for (const auto& [path, array] : expected.arrays) {
    if (!path.starts_with(group + "/")) continue;
    const std::string name = prefix + path.substr(group.size() + 1);
    CAPTURE(name);
    const Array* found = file.find(name);
    REQUIRE(found != nullptr);
    check_same(*found, array);
    ++count;
  }
  CHECK(count > 0);
  CHECK(file.arrays.size() == count);
}

}  // namespace tl::test
