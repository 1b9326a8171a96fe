// ZipArchive: entries where they lie, zip64, and directories that lie.
#include "io/zip_archive.h"

#include <doctest/doctest.h>

#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl::test {
namespace {

std::string error_of_zip(const std::string& bytes) {
  const SharedBytes file = shared(bytes);
  return error_of([&] { ZipArchive{file.span()}; });
}

std::string entry_bytes(const ZipArchive::Entry* entry) {
  REQUIRE(entry != nullptr);
  return {reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size()};
}

/// `bytes` with `value` over what stands `offset` behind the last `signature`.
std::string with(std::string bytes, const std::string& signature, size_t offset,
                 const std::string& value) {
  const size_t at = bytes.rfind(signature);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at + offset, value.size(), value);
}

TEST_CASE("zip: entries are found where they lie, in zip64 too") {
  for (const bool zip64 : {false, true}) {
    CAPTURE(zip64);
    const SharedBytes file = shared(zip_of({{"b/x", "one"}, {"a", ""}, {"b", "two"}}, zip64));
    const ZipArchive archive(file.span());
    CHECK(archive.entries().size() == 3);
    CHECK(entry_bytes(archive.find("b/x")) == "one");
    CHECK(entry_bytes(archive.find("a")).empty());
    CHECK(entry_bytes(archive.find("b")) == "two");
    CHECK(archive.find("c") == nullptr);
    CHECK(archive.find("b/x")->bytes.data() > file.data.get());
    CHECK(archive.find("b/x")->bytes.data() < file.data.get() + file.size);
  }
  const SharedBytes nothing = shared(zip_of({}));
  CHECK(ZipArchive(nothing.span()).entries().empty());
}

TEST_CASE("zip: a comment at the end, which may look like an end") {
  std::string bytes = zip_of({{"a", "one"}});
  const std::string comment = "PK\5\6" + std::string(30, 'x');
  bytes.replace(bytes.size() - 2, 2, little_text(comment.size(), 2));
  const SharedBytes file = shared(bytes + comment);
  CHECK(entry_bytes(ZipArchive(file.span()).find("a")) == "one");
}

TEST_CASE("zip: packed and encrypted entries are listed, and cannot be asked for") {
  const std::string of_packed =
      "b: compressed in the zip file (method 8), which is not read; torch.save stores";
  const SharedBytes file =
      shared(with(zip_of({{"a", "one"}, {"c", "x", 0, 1}, {"b", "packed", 8}}), "PK\1\2", 24,
                  little_text(0xfffffff0, 4)));  // a bomb, by the size that it states
  const ZipArchive archive(file.span());
  CHECK(entry_bytes(archive.find("a")) == "one");
  CHECK(archive.entries().size() == 3);
  CHECK(archive.entries()[1].name == "b");
  CHECK(archive.entries()[1].bytes.size() == 6);
  CHECK(error_of([&] { archive.find("b"); }) == of_packed);
  CHECK(error_of([&] { archive.find("c"); }) == "c: encrypted, which is not read");
}

TEST_CASE("zip: names that come twice") {
  CHECK(error_of_zip(zip_of({{"a", "one"}, {"b", ""}, {"a", "two"}})) ==
        "a: two entries of that name");
}

TEST_CASE("zip: directories that lie") {
  const std::string whole = zip_of({{"a", "one"}, {"b", "two"}});
  CHECK(error_of_zip(whole) == "");
  const std::string line = "PK\1\2", end = "PK\5\6";
  const std::string overlap = "damaged zip file (entries overlap)";
  CHECK(error_of_zip(with(whole, line, 42, little_text(1 << 20, 4))) ==
        concat("damaged zip file (it points to 0 bytes at 1048576, but has ", whole.size(), ")"));
  CHECK(error_of_zip(with(whole, line, 42, little_text(1, 4))) == "b: damaged zip file (entry)");
  CHECK(error_of_zip(with(whole, line, 42, little_text(0, 4))) ==
        "b: damaged zip file (two names)");
  CHECK(error_of_zip(with(whole, line, 20, little_text(4, 4))) ==
        "b: damaged zip file (two sizes)");
  CHECK(error_of_zip(with(whole, line, 20, little_text(4, 4) + little_text(4, 4))) == overlap);
  CHECK(error_of_zip(with(whole, line, 20, little_text(1 << 20, 4) + little_text(1 << 20, 4)))
            .starts_with("damaged zip file (it points to 1048576 bytes at "));
  CHECK(error_of_zip(with(whole, line, 28, little_text(60000, 2))) == "truncated zip file");
  CHECK(error_of_zip(with(whole, end, 10, little_text(3, 2))) == "truncated zip file");
  CHECK(error_of_zip(with(whole, end, 16, little_text(0, 4))) == "damaged zip file (directory)");
  CHECK(error_of_zip(with(whole, end, 12, little_text(1 << 20, 4)))
            .starts_with("damaged zip file (it points to 1048576 bytes at "));

  const std::string wide = zip_of({{"a", "one"}}, true);
  CHECK(error_of_zip(with(wide, "PK\6\7", 8, little_text(0, 8))) ==
        "damaged zip file (no zip64 end record)");
  CHECK(error_of_zip(with(wide, "PK\6\7", 8, std::string(8, '\xff')))
            .starts_with("damaged zip file (it points to 0 bytes at 18446744073709551615"));
  CHECK(error_of_zip(with(wide, "PK\6\6", 48, std::string(8, '\xff')))
            .starts_with("damaged zip file (it points to "));
  CHECK(error_of_zip(with(wide, "PK\6\6", 32, std::string(8, '\xff'))) == "truncated zip file");
  // The directory says that sizes stand in the zip64 field, which is missing, or too short.
  CHECK(error_of_zip(with(whole, line, 20, little_text(0xffffffff, 4) + little_text(0xffffffff, 4)))
            .starts_with("damaged zip file (it points to 4294967295 bytes at "));
  CHECK(error_of_zip(with(wide, line, 46 + 1 + 2, little_text(8, 2))) == "truncated zip64 field");
  CHECK(error_of_zip(with(wide, line, 46 + 1 + 2, little_text(60000, 2))) == "truncated zip file");
  // Entry "a" twice, under two names in the directory, which would count its bytes twice.
  const std::string twin = zip_of({{"aa", "one"}, {"aa", "two"}});
  CHECK(error_of_zip(with(twin, line, 42, little_text(0, 4))) == overlap);
  CHECK(error_of_zip("") == "truncated zip file (no directory at its end)");
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of_zip(whole.substr(0, size)) == "truncated zip file (no directory at its end)");
  }
}

}  // namespace
}  // namespace tl::test
