// parse_problem, read_problems: each kind of problem is a table of its fields.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "apps/bench/problem.h"

namespace tl {
namespace {

/// What one line says: "conv2d", and "h" -> 56.
struct Line {
  std::string op, place;
  std::map<std::string, std::int64_t> values;
};

template <class... Parts>
[[noreturn]] void fail(const Line& line, const Parts&... parts) {
  throw Error(concat(line.place, ": ", parts...));
}

// Products of up to four such numbers are far from overflow as doubles, which is how they are
// compared with kMostElements before anybody multiplies them as integers.
constexpr std::int64_t kMost = 1 << 24;
constexpr double kMostElements = 4e9;

Line split(const std::string& text, const std::string& place) {
  std::istringstream words(text);
  Line line{.op = "", .place = place, .values = {}};
  words >> line.op;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::int64_t value = 1;
    if (equals != std::string::npos) {
      const char *begin = word.data() + equals + 1, *end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(begin, end, value);
      if (error != std::errc() || stop != end || value < 0 || value > kMost)
        fail(line, word, ": needs a whole number from 0 to ", kMost);
    }
    if (!line.values.emplace(name, value).second) fail(line, name, " is given twice");
  }
  return line;
}

/// Takes the values of a line one after the other; at the end none may be left.
class Reader {
 public:
  explicit Reader(Line line) : line_(std::move(line)) {}

  std::int64_t needed(const char* name) {
    const std::int64_t value = take(name, -1);
    if (value < 0) fail(line_, line_.op, " needs ", name, ", e.g. ", name, "=64");
    if (value == 0) fail(line_, name, "=0: must be at least 1");
    return value;
  }
  std::int64_t optional(const char* name, std::int64_t preset, std::int64_t least = 0) {
    const std::int64_t value = take(name, preset);
    if (value < least) fail(line_, name, "=", value, ": must be at least ", least);
    return value;
  }
  bool flag(const char* name) {
    const std::int64_t value = take(name, 0);
    if (value > 1) fail(line_, name, "=", value, ": must be 0 or 1");
    return value == 1;
  }

  /// The line holds nothing more, and no tensor is too large: `elements` of the largest.
  void finish(double elements) const {
    if (!line_.values.empty())
      fail(line_, line_.op, " has no ", line_.values.begin()->first, "; it has ", known_);
    if (elements > kMostElements)
      fail(line_, line_.op, ": a tensor of ", elements, " elements; at most ", kMostElements);
  }
  template <class... Parts>
  void demand(bool condition, const Parts&... parts) const {
    if (!condition) fail(line_, line_.op, ": ", parts...);
  }
  const std::string& op() const { return line_.op; }

 private:
  std::int64_t take(const char* name, std::int64_t preset) {
    known_ += (known_.empty() ? "" : ", ") + std::string(name);
    const auto found = line_.values.extract(name);
    return found.empty() ? preset : found.mapped();
  }

  Line line_;
  std::string known_;
};

double product(std::initializer_list<std::int64_t> extents) {
  double elements = 1;
  for (const std::int64_t extent : extents) elements *= static_cast<double>(extent);
  return elements;
}

GemmProblem read_gemm(Reader& line) {
  GemmProblem p;
  p.m = line.needed("m"), p.n = line.needed("n"), p.k = line.needed("k");
  p.batch = line.optional("batch", 1, 1);
  p.trans_a = line.flag("trans_a"), p.trans_b = line.flag("trans_b"), p.bias = line.flag("bias");
  line.finish(std::max(
      {product({p.batch, p.m, p.k}), product({p.batch, p.k, p.n}), product({p.batch, p.m, p.n})}));
  return p;
}

Conv2dProblem read_conv2d(Reader& line) {
  Conv2dProblem p;
  p.n = line.needed("n"), p.h = line.needed("h"), p.w = line.needed("w");
  p.c_in = line.needed("c_in"), p.c_out = line.needed("c_out");
  p.kh = p.kw = line.needed("k");
  p.stride_h = p.stride_w = line.optional("stride", 1, 1);
  p.pad_h = p.pad_w = line.optional("pad", 0);
  p.dilation_h = p.dilation_w = line.optional("dilation", 1, 1);
  p.groups = line.optional("groups", 1, 1);
  p.bias = line.flag("bias"), p.residual = line.flag("residual"), p.relu = line.flag("relu");
  line.demand(p.c_in % p.groups == 0 && p.c_out % p.groups == 0, "groups=", p.groups,
              " does not divide c_in=", p.c_in, " and c_out=", p.c_out);
  line.demand(std::min(p.h, p.w) + 2 * p.pad_h > p.dilation_h * (p.kh - 1),
              "the filter is larger than the padded picture");
  line.finish(std::max({product({p.n, p.h, p.w, p.c_in}), product({p.c_out, p.kh, p.kw, p.c_in}),
                        product({p.n, p.out_h(), p.out_w(), p.c_out})}));
  return p;
}

BatchNormProblem read_batch_norm(Reader& line) {
  BatchNormProblem p;
  p.rows = line.needed("rows"), p.channels = line.needed("channels");
  p.relu = line.flag("relu"), p.residual = line.flag("residual");
  line.demand(p.rows > 1, "rows=1 has no variance");
  line.finish(product({p.rows, p.channels}));
  return p;
}

/// What both poolings have.
struct Window {
  std::int64_t n, h, w, c, k, stride, pad;

  explicit Window(Reader& line)
      : n(line.needed("n")),
        h(line.needed("h")),
        w(line.needed("w")),
        c(line.needed("c")),
        k(line.needed("k")),
        stride(line.optional("stride", k, 1)),
        pad(line.optional("pad", 0)) {
    line.demand(2 * pad <= k, "pad=", pad, " is more than half of k=", k);
    line.demand(std::min(h, w) + 2 * pad >= k, "the window is larger than the padded picture");
  }
};

MaxPool2dProblem read_max_pool2d(Reader& line) {
  const Window p(line);
  MaxPool2dProblem pool{.n = p.n, .h = p.h, .w = p.w, .c = p.c};
  pool.kernel_h = pool.kernel_w = p.k;
  pool.stride_h = pool.stride_w = p.stride;
  pool.pad_h = pool.pad_w = p.pad;
  pool.positions = line.flag("positions");
  line.finish(product({p.n, p.h, p.w, p.c}));
  return pool;
}

AveragePool2dProblem read_average_pool2d(Reader& line) {
  const Window p(line);
  line.finish(product({p.n, p.h, p.w, p.c}));
  return {.n = p.n,
          .c = p.c,
          .rows = AverageAxis::sliding(p.h, p.k, p.stride, p.pad, false, true),
          .columns = AverageAxis::sliding(p.w, p.k, p.stride, p.pad, false, true)};
}

PlainProblem read_plain(Reader& line, PlainProblem::Kernel kernel) {
  PlainProblem p{.kernel = kernel};
  p.n = line.needed("n"), p.h = line.needed("h"), p.w = line.needed("w"), p.c = line.needed("c");
  line.finish(product({p.n, p.h, p.w, p.c}));
  return p;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const PlainProblem& p) {
  if (p.kernel == PlainProblem::Kernel::relu) out << "relu ";
  if (p.kernel == PlainProblem::Kernel::softmax)
    return out << "[" << p.n * p.h * p.w << ", " << p.c << "]";
  return out << "[" << p.n << ", " << p.h << ", " << p.w << ", " << p.c << "]";
}

BenchProblem parse_problem(const std::string& line, const std::string& place) {
  Reader reader(split(line, place));
  using Kernel = PlainProblem::Kernel;
  const std::string& op = reader.op();
  if (op == "gemm") return {read_gemm(reader)};
  if (op == "conv2d") return {read_conv2d(reader)};
  if (op == "batch_norm") return {read_batch_norm(reader)};
  if (op == "max_pool2d") return {read_max_pool2d(reader)};
  if (op == "average_pool2d") return {read_average_pool2d(reader)};
  if (op == "relu") return {read_plain(reader, Kernel::relu)};
  if (op == "accumulate") return {read_plain(reader, Kernel::accumulate)};
  if (op == "softmax") return {read_plain(reader, Kernel::softmax)};
  if (op == "global_average_pool") return {read_plain(reader, Kernel::global_average_pool)};
  throw Error(concat(place, ": ", op.empty() ? "no op" : "no op '" + op + "'",
                     "; there are gemm, conv2d, batch_norm, max_pool2d, average_pool2d, relu, "
                     "accumulate, softmax and global_average_pool"));
}

std::vector<BenchProblem> read_problems(const std::string& file) {
  std::ifstream in(file);
  check(in.is_open(), file, ": cannot be read");
  std::vector<BenchProblem> problems;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    problems.push_back(parse_problem(line, concat(file, ":", number)));
  }
  check(in.eof(), file, ": cannot be read");
  check(!problems.empty(), file, ": holds no problem");
  return problems;
}

}  // namespace tl
