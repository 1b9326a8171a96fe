#include "io/pickle.h"

#include <bit>
#include <map>

#include "io/pickle_opcodes.h"

namespace tl {
namespace {

constexpr size_t max_values = size_t{1} << 20;

/// What an entry of the memo takes, in values.
constexpr size_t memo_charge = 3;

class Machine {
 public:
  Machine(ByteReader& in, PickleHost& host, PickleHeap& heap) : in_(in), host_(host), heap_(heap) {}

  PickleValue run() {
    check(next() == Opcode::proto, "no pickle of protocol 2 or newer");
    const auto protocol = in_.number<uint8_t>();
    check(protocol >= 2 && protocol <= 5, "a pickle of protocol ", int{protocol}, ", not 2 to 5");
    for (Opcode opcode = next(); opcode != Opcode::stop; opcode = next()) step(opcode);
    check(marks_.empty() && stack_.size() == 1, "damaged pickle (", stack_.size(),
          " values left at its end)");
    return pop();
  }

 private:
  Opcode next() { return static_cast<Opcode>(in_.number<uint8_t>()); }

  void push(const PickleValue& value) {
    heap_.charge(1);
    stack_.push_back(value);
  }

  PickleValue pop() {
    check(stack_.size() > bottom(), "damaged pickle (its stack is empty)");
    const PickleValue value = stack_.back();
    stack_.pop_back();
    heap_.give_back(1);
    return value;
  }

  PickleValue& top() {
    check(stack_.size() > bottom(), "damaged pickle (its stack is empty)");
    return stack_.back();
  }

  /// What lies below the last mark is out of reach.
  size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }

  template <class T>
  T expect(const PickleValue& value, const char* kind) {
    const T* of_kind = std::get_if<T>(&value);
    check(of_kind != nullptr, "damaged pickle (", kind, " was expected)");
    return *of_kind;
  }

  void mark() {
    heap_.charge(1);
    marks_.push_back(stack_.size());
  }

  /// Removes the last mark and hands out what lies above it.
  std::vector<PickleValue> pop_to_mark() {
    check(!marks_.empty(), "damaged pickle (no mark)");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue> values(first, stack_.end());
    heap_.give_back(values.size() + 1);
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return values;
  }

  void push_tuple(size_t count) {
    check(stack_.size() - bottom() >= count, "damaged pickle (its stack is too short)");
    const PickleList tuple = heap_.make_list();
    for (size_t i = stack_.size() - count; i < stack_.size(); ++i) heap_.append(tuple, stack_[i]);
    for (size_t i = 0; i < count; ++i) pop();
    push(tuple);
  }

  void push_marked_tuple() {
    const std::vector<PickleValue> values = pop_to_mark();
    const PickleList tuple = heap_.make_list();
    for (const PickleValue& value : values) heap_.append(tuple, value);
    push(tuple);
  }

  void append_all(const std::vector<PickleValue>& values) {
    const auto list = expect<PickleList>(top(), "a list");
    for (const PickleValue& value : values) heap_.append(list, value);
  }

  void set_all(const std::vector<PickleValue>& values) {
    const auto dict = expect<PickleDict>(top(), "a dict");
    check(values.size() % 2 == 0, "damaged pickle (a key without a value)");
    for (size_t i = 0; i < values.size(); i += 2)
      heap_.append(dict, PicklePair(values[i], values[i + 1]));
  }

  void push_long(uint64_t bytes) {
    const std::string_view digits = in_.text(bytes);
    if (digits.size() > 8) return push(PickleBytes{digits});
    // The highest bit is the sign.
    const bool is_negative = !digits.empty() && (digits.back() & 0x80);
    uint64_t value = is_negative ? ~uint64_t{0} : 0;
    for (size_t i = digits.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(digits[i]);
    push(static_cast<int64_t>(value));
  }

  void remember(uint32_t place) {
    const PickleValue& value = top();
    if (memo_.insert_or_assign(place, value).second) heap_.charge(memo_charge);
  }

  void recall(uint32_t place) {
    const auto found = memo_.find(place);
    check(found != memo_.end(), "damaged pickle (nothing is remembered as ", place, ")");
    push(found->second);
  }

  void stack_global() {
    const auto name = expect<std::string_view>(pop(), "a name");
    const auto module = expect<std::string_view>(pop(), "a module's name");
    push(PickleGlobal{host_.global(module, name)});
  }

  void reduce() {
    const auto arguments = expect<PickleList>(pop(), "a tuple of arguments");
    const auto function = expect<PickleGlobal>(pop(), "a class or function");
    push(host_.call(function.number, arguments, heap_));
  }

  void step(Opcode opcode) {
    switch (opcode) {
      case Opcode::frame:  // a hint of how much to read at once
        in_.take(8);
        return;
      case Opcode::mark:
        return mark();
      case Opcode::none:
        return push(PickleNone{});
      case Opcode::newtrue:
        return push(true);
      case Opcode::newfalse:
        return push(false);
      case Opcode::binint:
        return push(int64_t{in_.number<int32_t>()});
      case Opcode::binint1:
        return push(int64_t{in_.number<uint8_t>()});
      case Opcode::binint2:
        return push(int64_t{in_.number<uint16_t>()});
      case Opcode::long1:
        return push_long(in_.number<uint8_t>());
      case Opcode::long4:
        return push_long(in_.number<uint32_t>());
      case Opcode::binfloat:
        return push(std::bit_cast<double>(in_.number<uint64_t>(std::endian::big)));
      case Opcode::short_binstring:  // a str of Python 2
      case Opcode::short_binunicode:
        return push(in_.text(in_.number<uint8_t>()));
      case Opcode::binstring:
      case Opcode::binunicode:
        return push(in_.text(in_.number<uint32_t>()));
      case Opcode::binunicode8:
        return push(in_.text(in_.number<uint64_t>()));
      case Opcode::short_binbytes:
        return push(PickleBytes{in_.text(in_.number<uint8_t>())});
      case Opcode::binbytes:
        return push(PickleBytes{in_.text(in_.number<uint32_t>())});
      case Opcode::binbytes8:
        return push(PickleBytes{in_.text(in_.number<uint64_t>())});
      case Opcode::empty_tuple:
        return push_tuple(0);
      case Opcode::tuple1:
        return push_tuple(1);
      case Opcode::tuple2:
        return push_tuple(2);
      case Opcode::tuple3:
        return push_tuple(3);
      case Opcode::tuple:
        return push_marked_tuple();
      case Opcode::empty_list:
        return push(heap_.make_list());
      case Opcode::append:
        return append_all({pop()});
      case Opcode::appends:
        return append_all(pop_to_mark());
      case Opcode::empty_dict:
        return push(heap_.make_dict());
      case Opcode::setitem: {
        const PickleValue value = pop();
        return set_all({pop(), value});
      }
      case Opcode::setitems:
        return set_all(pop_to_mark());
      case Opcode::binput:
        return remember(in_.number<uint8_t>());
      case Opcode::long_binput:
        return remember(in_.number<uint32_t>());
      case Opcode::memoize:
        return remember(static_cast<uint32_t>(memo_.size()));
      case Opcode::binget:
        return recall(in_.number<uint8_t>());
      case Opcode::long_binget:
        return recall(in_.number<uint32_t>());
      case Opcode::global: {
        const std::string_view module = in_.line();
        return push(PickleGlobal{host_.global(module, in_.line())});
      }
      case Opcode::stack_global:
        return stack_global();
      case Opcode::reduce:
        return reduce();
      case Opcode::build:  // attributes beside the content, as a state dict's _metadata
        pop();
        top();
        return;
      case Opcode::binpersid:
        return push(host_.persistent(pop(), heap_));
      default: {
        const char* name = name_of_refused(opcode);
        check(name != nullptr, "damaged pickle (no instruction has the code ",
              static_cast<int>(opcode), ")");
        throw Error(concat("its pickle has the instruction ", name,
                           ", which tensors and plain values do not need"));
      }
    }
  }

  ByteReader& in_;
  PickleHost& host_;
  PickleHeap& heap_;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;
  // Ordered: a file chooses the keys, and could choose them so that all fall into one bucket.
  std::map<uint32_t, PickleValue> memo_;
};

}  // namespace

void PickleHeap::append(PickleList list, const PickleValue& value) {
  charge(1);
  lists_[list.index].push_back(value);
}

void PickleHeap::append(PickleDict dict, const PicklePair& pair) {
  charge(2);
  dicts_[dict.index].push_back(pair);
}

const PickleValue* PickleHeap::find(PickleDict dict, std::string_view key) const {
  const PickleValue* found = nullptr;
  for (const auto& [name, value] : dicts_[dict.index]) {
    const auto* text = std::get_if<std::string_view>(&name);
    if (text && *text == key) found = &value;
  }
  return found;
}

void PickleHeap::charge(size_t values) {
  check(values <= max_values - values_, "its pickle has over ", max_values, " values");
  values_ += values;
}

PickleValue read_pickle(ByteReader& in, PickleHost& host, PickleHeap& heap) {
  return Machine(in, host, heap).run();
}

}  // namespace tl
