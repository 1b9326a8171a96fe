// BenchProblem: what `tlbench run` times: the contracts' problems, from a line of text or a
// network.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/average_pool2d.h"
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"
#include "kernels/max_pool2d.h"

namespace tl {

/// A kernel without variants, on activations [n, h, w, c].
struct PlainProblem {
  enum class Kernel { relu, accumulate, softmax, global_average_pool } kernel = Kernel::relu;
  std::int64_t n = 1, h = 1, w = 1, c = 1;

  std::int64_t size() const { return n * h * w * c; }
};
std::ostream& operator<<(std::ostream& out, const PlainProblem& p);

struct BenchProblem {
  std::variant<GemmProblem, Conv2dProblem, BatchNormProblem, MaxPool2dProblem, AveragePool2dProblem,
               PlainProblem>
      sizes;
  int layers = 1;  ///< how many layers of the network have it
};

/// One problem in words and `name=value`, in f32, with the names of the contracts' fields:
///
///   gemm m n k [batch] [trans_a] [trans_b] [bias]
///   conv2d n h w c_in c_out k [stride] [pad] [dilation] [groups] [bias] [residual] [relu]
///   batch_norm rows channels [relu] [residual]
///   max_pool2d n h w c k [stride] [pad] [positions]
///   average_pool2d n h w c k [stride] [pad]
///   relu | accumulate | softmax | global_average_pool n h w c
///
/// e.g. "conv2d n=32 h=56 w=56 c_in=64 c_out=64 k=3 pad=1 bias relu". What is in brackets may be
/// missing; a word without a value is 1. Throws, naming `place` and the cause.
BenchProblem parse_problem(const std::string& line, const std::string& place);

/// One problem per line; empty lines and what follows a # are passed over. Throws, naming file,
/// line and cause.
std::vector<BenchProblem> read_problems(const std::string& file);

/// What the layers of that ResNet ask the kernels for in a training step with `batch` pictures of
/// `size` x `size`: found by letting the network run on kernels that only take notes. Equal
/// problems are given once. Among the gemms are the 1x1 convolutions of stride 1 as products of
/// matrices.
std::vector<BenchProblem> network_problems(const std::string& arch, std::int64_t batch,
                                           std::int64_t size);

}  // namespace tl
