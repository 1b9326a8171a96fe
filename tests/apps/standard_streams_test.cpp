// What a terminal is shown of a name that somebody else gave. The streams themselves: tests/cli.
#include "apps/standard_streams.h"

#include <doctest/doctest.h>

namespace tl::test {

TEST_CASE("a name is shown on one line, and commands nothing") {
  CHECK(printable("cats/7.jpg") == "cats/7.jpg");
  CHECK(printable("a\nb\r\t\x1b[31m\x7f.png") == "a?b???[31m?.png");
  CHECK(printable("K\xc3\xa4tzchen \xe7\x8c\xab") == "K\xc3\xa4tzchen \xe7\x8c\xab");
}

}  // namespace tl::test
