// Python's pickles, of which nothing is run: a pickle is a program for a machine with a stack, and
// this one knows only the instructions that build plain values. What a pickle's classes and
// functions are and give, a PickleHost says.
//
// Values name containers by number in a PickleHeap, so that a pickle may make lists inside
// themselves, or a million deep, and nothing here recurs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/byte_reader.h"

namespace tl {

struct PickleNone {};
/// A bytes object, or an integer of over 64 bits (little-endian, two's complement).
struct PickleBytes {
  std::string_view bytes;
};
/// A list or tuple.
struct PickleList {
  uint32_t index;
};
struct PickleDict {
  uint32_t index;
};
/// A class or function, by the host's number.
struct PickleGlobal {
  uint32_t number;
};
/// What the host made of a call or of a persistent id, by its number.
struct PickleObject {
  uint32_t number;
};

/// Text and bytes lie in the file.
using PickleValue = std::variant<PickleNone, bool, int64_t, double, std::string_view, PickleBytes,
                                 PickleList, PickleDict, PickleGlobal, PickleObject>;
using PicklePair = std::pair<PickleValue, PickleValue>;

/// The containers of one or several pickles, and a limit on all that they hold: a byte of a pickle
/// can ask for a hundred bytes of memory.
class PickleHeap {
 public:
  PickleList make_list() { return {new_index(lists_)}; }
  PickleDict make_dict() { return {new_index(dicts_)}; }
  void append(PickleList list, const PickleValue& value);
  void append(PickleDict dict, const PicklePair& pair);

  /// Valid until the next append.
  std::span<const PickleValue> items(PickleList list) const { return lists_[list.index]; }
  std::span<const PicklePair> pairs(PickleDict dict) const { return dicts_[dict.index]; }
  /// The value of a key of text; of several, the last; nullptr without any.
  const PickleValue* find(PickleDict dict, std::string_view key) const;

  /// Takes room for so many values, 24 bytes each, off the limit; throws Error beyond it.
  void charge(size_t values);
  void give_back(size_t values) { values_ -= values; }

 private:
  template <class T>
  uint32_t new_index(std::vector<T>& containers) {
    charge(2);
    containers.emplace_back();
    return static_cast<uint32_t>(containers.size() - 1);
  }

  std::vector<std::vector<PickleValue>> lists_;
  std::vector<std::vector<PicklePair>> dicts_;
  size_t values_ = 0;
};

/// All functions throw Error for what they do not know, by name.
class PickleHost {
 public:
  virtual ~PickleHost() = default;
  /// The number of the class or function.
  virtual uint32_t global(std::string_view module, std::string_view name) = 0;
  virtual PickleValue call(uint32_t global, PickleList arguments, PickleHeap& heap) = 0;
  /// What stands outside of the pickle under that id.
  virtual PickleValue persistent(const PickleValue& id, PickleHeap& heap) = 0;
};

/// Runs one pickle of protocol 2 to 5 and leaves `in` behind it. Throws Error with the cause alone:
/// truncated, damaged, an instruction that plain values do not need (by its name), or too many
/// values.
PickleValue read_pickle(ByteReader& in, PickleHost& host, PickleHeap& heap);

}  // namespace tl
