// read_pickle: values of every kind, what is refused and by which name, damage, and pickles that
// ask for much with few bytes.
#include "io/pickle.h"

#include <doctest/doctest.h>

#include "io/pickle_opcodes.h"
#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl::test {
namespace {

/// Knows one function, "m.f", whose calls give its arguments, and one id, "outside".
class Host final : public PickleHost {
 public:
  uint32_t global(std::string_view module, std::string_view name) override {
    check(module == "m" && name == "f", "no ", module, ".", name);
    return 7;
  }
  PickleValue call(uint32_t number, PickleList arguments, PickleHeap&) override {
    check(number == 7, "not m.f");
    return arguments;
  }
  PickleValue persistent(const PickleValue& id, PickleHeap&) override {
    check(std::get<std::string_view>(id) == "outside", "no such id");
    return PickleObject{5};
  }
};

/// A value as Python shows it, to a depth that is enough here.
std::string shown(const PickleValue& value, const PickleHeap& heap, int depth = 0) {
  if (depth > 5) return "...";
  std::string all;
  if (const auto* list = std::get_if<PickleList>(&value)) {
    for (const PickleValue& item : heap.items(*list)) all += shown(item, heap, depth + 1) + " ";
    return "[" + all + "]";
  }
  if (const auto* dict = std::get_if<PickleDict>(&value)) {
    for (const auto& [key, item] : heap.pairs(*dict))
      all += shown(key, heap, depth + 1) + ":" + shown(item, heap, depth + 1) + " ";
    return "{" + all + "}";
  }
  if (std::holds_alternative<PickleNone>(value)) return "None";
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "True" : "False";
  if (const auto* number = std::get_if<int64_t>(&value)) return concat(*number);
  if (const auto* number = std::get_if<double>(&value)) return concat(*number, "f");
  if (const auto* word = std::get_if<std::string_view>(&value)) return concat("'", *word, "'");
  if (const auto* bytes = std::get_if<PickleBytes>(&value)) return concat("b'", bytes->bytes, "'");
  if (const auto* object = std::get_if<PickleObject>(&value)) return concat("#", object->number);
  return "global";
}

/// What a pickle of these instructions gives, or the error.
std::string run(const std::string& body) {
  const std::string bytes = pickle(body);
  const SharedBytes file = shared(bytes);
  Host host;
  PickleHeap heap;
  ByteReader in(file.span(), "pickle");
  try {
    const PickleValue value = read_pickle(in, host, heap);
    CHECK(in.left() == 0);
    return shown(value, heap);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("pickle: plain values") {
  CHECK(run("N") == "None");
  CHECK(run("\x88") == "True");
  CHECK(run("\x89") == "False");
  CHECK(run("J\xfe\xff\xff\xff") == "-2");
  CHECK(run("K\xff") == "255");
  CHECK(run("M\x01\x02") == "513");
  CHECK(run("\x8a\0"s) == "0");
  CHECK(run("\x8a\1\xff") == "-1");
  CHECK(run("\x8a\2\xff\0"s) == "255");
  CHECK(run("\x8b\2\0\0\0\0\x80"s) == "-32768");
  CHECK(run(integer(INT64_MIN)) == "-9223372036854775808");
  CHECK(run("\x8a\x9"s + std::string(8, 'x') + "y") == "b'xxxxxxxxy'");  // over 64 bits
  CHECK(run("G\x3f\xf8\0\0\0\0\0\0"s) == "1.5f");
  CHECK(run(text("abc")) == "'abc'");
  CHECK(run("U\1a") == "'a'");
  CHECK(run("T\1\0\0\0a"s) == "'a'");
  CHECK(run("\x8c\1a") == "'a'");
  CHECK(run("\x8d\1\0\0\0\0\0\0\0a"s) == "'a'");
  CHECK(run("C\1a") == "b'a'");
  CHECK(run("B\1\0\0\0a"s) == "b'a'");
  CHECK(run("\x8e\1\0\0\0\0\0\0\0a"s) == "b'a'");
}

TEST_CASE("pickle: containers, the memo, the host") {
  CHECK(run(")") == "[]");
  CHECK(run("K\1\x85") == "[1 ]");
  CHECK(run("K\1K\2\x86") == "[1 2 ]");
  CHECK(run("K\1K\2K\3\x87") == "[1 2 3 ]");
  CHECK(run("(K\1K\2K\3Nt") == "[1 2 3 None ]");
  CHECK(run("]") == "[]");
  CHECK(run("]K\1a") == "[1 ]");
  CHECK(run("](K\1K\2e") == "[1 2 ]");
  CHECK(run("}") == "{}");
  CHECK(run("}K\1K\2s") == "{1:2 }");
  CHECK(run("}(K\1K\2K\3K\4u") == "{1:2 3:4 }");
  CHECK(run("]q\0h\0a"s) == "[[[[[[... ] ] ] ] ] ]");  // a list inside itself
  CHECK(run("]r\xff\xff\xff\xff(j\xff\xff\xff\xffK\1e") == "[[[[[[... ... ] 1 ] 1 ] 1 ] 1 ] 1 ]");
  CHECK(run("K\5\x94K\6\x94h\1\x87"s) == "[5 6 6 ]");
  CHECK(run("cm\nf\n(K\1tR") == "[1 ]");
  CHECK(run(text("m") + text("f") + "\x93(K\1tR") == "[1 ]");
  CHECK(run(text("outside") + "Q") == "#5");
  CHECK(run("}}b") == "{}");  // attributes are passed over
  CHECK(run("\x95\1\0\0\0\0\0\0\0N"s) == "None");
}

TEST_CASE("pickle: what runs code, or is not needed, is refused by name") {
  for (int code = 0; code < 256; ++code) {
    const char* name = name_of_refused(static_cast<Opcode>(code));
    if (!name) continue;
    CHECK(run(std::string(1, static_cast<char>(code)) + "0\n") ==
          concat("its pickle has the instruction ", name,
                 ", which tensors and plain values do not need"));
  }
  CHECK(run("ios\nsystem\n") ==
        "its pickle has the instruction INST, which tensors and plain values do not need");
  CHECK(run("cos\nsystem\n(X\2\0\0\0lstR"s) == "no os.system");
  CHECK(run("\xff") == "damaged pickle (no instruction has the code 255)");
  CHECK(run(text("elsewhere") + "Q") == "no such id");
}

TEST_CASE("pickle: damage") {
  const std::string empty = "damaged pickle (its stack is empty)";
  CHECK(run("") == "damaged pickle (0 values left at its end)");
  CHECK(run("NN") == "damaged pickle (2 values left at its end)");
  CHECK(run("N(") == "damaged pickle (1 values left at its end)");
  CHECK(run("a") == empty);
  CHECK(run("N(a") == empty);  // below a mark nothing is reached
  CHECK(run("Q") == empty);
  CHECK(run("q\0"s) == empty);
  CHECK(run("Nb") == empty);
  CHECK(run("N\x86") == "damaged pickle (its stack is too short)");
  CHECK(run("N(N\x86") == "damaged pickle (its stack is too short)");
  CHECK(run("t") == "damaged pickle (no mark)");
  CHECK(run("]u") == "damaged pickle (no mark)");
  CHECK(run("](NNu") == "damaged pickle (a dict was expected)");
  CHECK(run("}(Nu") == "damaged pickle (a key without a value)");
  CHECK(run("}Na") == "damaged pickle (a list was expected)");
  CHECK(run("h\3") == "damaged pickle (nothing is remembered as 3)");
  CHECK(run("K\1)R") == "damaged pickle (a class or function was expected)");
  CHECK(run("cm\nf\nNR") == "damaged pickle (a tuple of arguments was expected)");
  CHECK(run("NN\x93") == "damaged pickle (a name was expected)");
  CHECK(run("X\xff\xff\xff\xff.") == "truncated pickle");
  CHECK(run("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.") == "truncated pickle");
  CHECK(run("cm\nf") == "truncated pickle");
}

TEST_CASE("pickle: protocols") {
  Host host;
  const auto error_of_bytes = [&](const std::string& bytes) {
    const SharedBytes file = shared(bytes);
    return error_of([&] {
      PickleHeap heap;
      ByteReader in(file.span(), "pickle");
      read_pickle(in, host, heap);
    });
  };
  CHECK(error_of_bytes("\x80\2N.") == "");
  CHECK(error_of_bytes("\x80\5N.") == "");
  CHECK(error_of_bytes("\x80\1N.") == "a pickle of protocol 1, not 2 to 5");
  CHECK(error_of_bytes("\x80\6N.") == "a pickle of protocol 6, not 2 to 5");
  CHECK(error_of_bytes("N.") == "no pickle of protocol 2 or newer");
  const std::string whole = pickle("}(" + text("a") + "cm\nf\n(K\1tR" + text("b") +
                                   "]q\0(h\0N\x88"
                                   "eu"s);
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of_bytes(whole.substr(0, size)) == "truncated pickle");
  }
  CHECK(error_of_bytes(whole) == "");
}

TEST_CASE("pickle: few bytes cannot ask for much memory or a deep stack") {
  const auto repeated = [](const std::string& what, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += what;
    return all;
  };
  const std::string limit = "its pickle has over 1048576 values";
  for (const char* instruction : {"N", "]", "}", ")", "(", "K\1"}) {
    CAPTURE(std::string(instruction));
    CHECK(run(repeated(instruction, 1'100'000)) == limit);
  }
  std::string memo = "N";
  for (uint32_t i = 0; i < 400'000; ++i) memo += "r" + little_text(i * 2654435761u, 4);
  CHECK(run(memo) == limit);
  CHECK(run("]" + repeated("(NNNNNNNNe", 150'000)) == limit);
  CHECK(run("N" + repeated("\x85", 300'000)).starts_with("[[[[[["));  // a tuple in a tuple, ...
  // Lists of two references to the list before: 2^64 values for who walks through them all.
  std::string doubled = "]q\0"s;
  for (int i = 1; i < 65; ++i)
    doubled += "](h" + little_text(static_cast<uint64_t>(i - 1), 1) + "h" +
               little_text(static_cast<uint64_t>(i - 1), 1) + "eq" +
               little_text(static_cast<uint64_t>(i), 1);
  CHECK(run("(" + doubled + "t").starts_with("[[] [[] [] ]"));
}

}  // namespace
}  // namespace tl::test
