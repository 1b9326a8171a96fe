// The parser hands over one thing at a time, so that no tree of the header is built: a byte of it
// would take thirty. Where the parser is (outside, among the names, inside one tensor, ...), Level
// says.
#include "io/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "io/printable.h"

namespace tl {
namespace {

constexpr size_t max_entries = 200'000;
constexpr std::string_view metadata_name = "__metadata__";

struct TypeName {
  StoredType type;
  std::string_view name;
};
constexpr TypeName type_names[] = {
    {StoredType::f64, "F64"},     {StoredType::f32, "F32"}, {StoredType::f16, "F16"},
    {StoredType::bf16, "BF16"},   {StoredType::i64, "I64"}, {StoredType::i32, "I32"},
    {StoredType::i16, "I16"},     {StoredType::i8, "I8"},   {StoredType::u64, "U64"},
    {StoredType::u32, "U32"},     {StoredType::u16, "U16"}, {StoredType::u8, "U8"},
    {StoredType::boolean, "BOOL"}};

using Json = nlohmann::json;

class HeaderParser final : public nlohmann::json_sax<Json> {
 public:
  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t value) override {
    return refuse(concat("the number ", value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return refuse("the number " + shown(text));
  }
  bool binary(binary_t&) override { return refuse("bytes"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::numbers) return refuse("a number");
    check(value <= INT64_MAX, context(), "the number ", value, ", which is too large");
    std::vector<int64_t>& numbers = key_ == "shape" ? shape_ : offsets_;
    check(numbers.size() < max_rank, context(), "over ", max_rank, " numbers");
    numbers.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(string_t& text) override {
    if (level_ == Level::metadata) {
      header_.metadata.emplace(std::move(key_), std::move(text));
      return true;
    }
    if (level_ != Level::tensor || key_ != "dtype") return refuse("a string");
    for (const TypeName& known : type_names) {
      if (known.name == text) type_ = known.type;
    }
    check(type_.has_value(), context(), "elements of type ", shown(text), ", which is not read");
    return true;
  }

  bool key(string_t& text) override {
    key_ = std::move(text);
    if (level_ == Level::tensor) {
      const bool is_known = key_ == "dtype" || key_ == "shape" || key_ == "data_offsets";
      check(is_known, shown(name_), ": has a '", shown(key_), "'");
      check(fields_.insert(key_).second, shown(name_), ": two of '", key_, "'");
      return true;
    }
    check(names_.size() + header_.metadata.size() < max_entries, "over ", max_entries, " names");
    if (level_ == Level::metadata) {
      check(!header_.metadata.contains(key_), "attribute ", shown(key_), ": twice");
    } else {
      check(names_.insert(key_).second, shown(key_), ": two tensors of that name");
      if (key_ != metadata_name) check_array_name(key_);
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (level_ == Level::outside) {
      level_ = Level::names;
      return true;
    }
    if (level_ != Level::names) return refuse("an object");
    level_ = key_ == metadata_name ? Level::metadata : Level::tensor;
    name_ = key_;
    return true;
  }

  bool end_object() override {
    if (level_ == Level::tensor) add_entry();
    level_ = level_ == Level::names ? Level::outside : Level::names;
    return true;
  }

  bool start_array(std::size_t) override {
    if (level_ != Level::tensor || key_ == "dtype") return refuse("a list");
    level_ = Level::numbers;
    return true;
  }

  bool end_array() override {
    level_ = Level::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    throw Error(concat("damaged safetensors header (no JSON at byte ", position, ")"));
  }

 private:
  enum class Level { outside, names, metadata, tensor, numbers };

  std::string context() const {
    return level_ == Level::tensor || level_ == Level::numbers
               ? concat(shown(name_), ": its ", shown(key_), " holds ")
               : "damaged safetensors header: ";
  }
  bool refuse(const std::string& what) const { throw Error(context() + what); }

  void add_entry() {
    check(fields_.size() == 3 && offsets_.size() == 2, shown(name_),
          ": needs dtype, shape and two data_offsets");
    const auto begin = static_cast<uint64_t>(offsets_[0]), end = static_cast<uint64_t>(offsets_[1]);
    uint64_t bytes = 0;
    try {
      bytes = static_cast<uint64_t>(checked_count(shape_)) * size_of(*type_);
    } catch (const Error& error) {
      throw Error(concat(shown(name_), ": ", error.what()));
    }
    check(begin <= end && end - begin == bytes, shown(name_), ": data_offsets ", begin, " and ",
          end, ", but its shape takes ", bytes, " bytes");
    header_.entries.push_back({std::move(name_), *type_, std::move(shape_), begin, end});
    type_.reset();
    shape_.clear();
    offsets_.clear();
    fields_.clear();
  }

  Level level_ = Level::outside;
  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::string name_, key_;  // of the tensor, and the key seen last
  std::set<std::string> fields_;
  std::optional<StoredType> type_;
  std::vector<int64_t> shape_, offsets_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json) {
  HeaderParser parser;
  Json::sax_parse(json.begin(), json.end(), &parser);
  return parser.take();
}

std::string_view safetensors_name(StoredType type) {
  for (const TypeName& known : type_names) {
    if (known.type == type) return known.name;
  }
  throw Error("no such element type");
}

}  // namespace tl
