// What is suggested for a word that is none.
#include "apps/command_line.h"

#include <doctest/doctest.h>

namespace tl::test {

TEST_CASE("the nearest word is suggested, and none where none is near") {
  const std::vector<std::string> words = {"--epochs", "--batch", "--lr", "--label-smoothing"};
  CHECK(nearest_word("--epoch", words) == "--epochs");
  CHECK(nearest_word("--ephocs", words) == "--epochs");
  CHECK(nearest_word("--bacth", words) == "--batch");
  CHECK(nearest_word("--label", words) == "--label-smoothing");
  CHECK(nearest_word("--frobnicate", words) == "");
  CHECK(nearest_word("x", words) == "");
  CHECK(nearest_word("evla", {"train", "eval", "predict"}) == "eval");
}

TEST_CASE("numbers are checked as a whole") {
  CHECK(check_positive("1e-3") == "");
  for (const char* wrong : {"0", "-1", "nan", "inf", "", "1x", "fast"}) {
    CAPTURE(wrong);
    CHECK(check_positive(wrong).starts_with("must be a positive number, got "));
  }
  CHECK(check_not_negative("0") == "");
  CHECK(check_not_negative("-0.1") == "must be a positive number or 0, got -0.1");
  CHECK(check_seed("0") == "");
  CHECK(check_seed("18446744073709551615") == "");
  for (const char* wrong : {"-1", "18446744073709551616", "1.5", "", "1x", "+1"}) {
    CAPTURE(wrong);
    CHECK(check_seed(wrong).starts_with("must be a whole number from 0 to 18446744073709551615"));
  }
}

}  // namespace tl::test
