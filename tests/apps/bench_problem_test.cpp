// What `tlbench run` times: problems from lines, files and networks.
#include <doctest/doctest.h>

#include <fstream>

#include "apps/bench/problem.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

template <class P>
P parsed_problem(const std::string& line) {
  return std::get<P>(parse_problem(line, "here").sizes);
}

TEST_CASE("bench problem: a line is the contract's problem") {
  const auto conv = parsed_problem<Conv2dProblem>(
      "conv2d n=2 h=9 w=8 c_in=6 c_out=4 k=3 stride=2 pad=1 dilation=2 groups=2 bias relu");
  CHECK(concat(conv) ==
        "x [2, 9, 8, 6] f32, filter [4, 3, 3, 3] f32, stride 2x2, pad 1x1, dilation 2x2, groups 2, "
        "bias, relu");
  CHECK(concat(parsed_problem<GemmProblem>("gemm k=3 m=1 n=2 batch=4 trans_b bias trans_a=0")) ==
        "4 times [1, 3] x [3, 2]^T f32 + bias");
  CHECK(concat(parsed_problem<BatchNormProblem>("batch_norm rows=7 channels=3 residual relu")) ==
        "x [7, 3] f32, statistics f32, residual, relu");
  const auto pool = parsed_problem<MaxPool2dProblem>("max_pool2d n=1 h=9 w=9 c=4 k=3");
  CHECK(pool.stride_h == 3);  // as large as the window, unless it is given
  CHECK_FALSE(pool.positions);
  CHECK(parsed_problem<AveragePool2dProblem>("average_pool2d n=1 h=9 w=8 c=4 k=3 stride=2 pad=1")
            .columns.outputs == 4);
  CHECK(concat(parsed_problem<PlainProblem>("softmax n=2 h=3 w=5 c=7")) == "[30, 7]");
}

TEST_CASE("bench problem: what is wrong with a line is said") {
  const auto fails = [](const char* line, const char* message) {
    CHECK_THROWS_WITH_AS(parse_problem(line, "f.txt:3"), message, Error);
  };
  fails("matmul m=1",
        "f.txt:3: no op 'matmul'; there are gemm, conv2d, batch_norm, max_pool2d, average_pool2d, "
        "relu, accumulate, softmax and global_average_pool");
  fails("gemm m=4 n=4", "f.txt:3: gemm needs k, e.g. k=64");
  fails("gemm m=4 n=4 k=0", "f.txt:3: k=0: must be at least 1");
  fails("gemm m=4 n=4 k=4 q=1",
        "f.txt:3: gemm has no q; it has m, n, k, batch, trans_a, trans_b, bias");
  fails("gemm m=4 n=4 k=4x", "f.txt:3: k=4x: needs a whole number from 0 to 16777216");
  fails("gemm m=4 n=4 k=-4", "f.txt:3: k=-4: needs a whole number from 0 to 16777216");
  fails("gemm m=4 n=4 k=", "f.txt:3: k=: needs a whole number from 0 to 16777216");
  fails("gemm m=4 n=4 k=4 m=5", "f.txt:3: m is given twice");
  fails("gemm m=4 n=4 k=4 bias=2", "f.txt:3: bias=2: must be 0 or 1");
  fails("gemm m=9000000 n=9000000 k=1",
        "f.txt:3: gemm: a tensor of 8.1e+13 elements; at most 4e+09");
  fails("conv2d n=1 h=2 w=9 c_in=1 c_out=1 k=3",
        "f.txt:3: conv2d: the filter is larger than the padded picture");
  fails("conv2d n=1 h=9 w=9 c_in=3 c_out=4 k=3 groups=2",
        "f.txt:3: conv2d: groups=2 does not divide c_in=3 and c_out=4");
  fails("max_pool2d n=1 h=9 w=9 c=4 k=3 pad=2",
        "f.txt:3: max_pool2d: pad=2 is more than half of k=3");
  fails("batch_norm rows=1 channels=3", "f.txt:3: batch_norm: rows=1 has no variance");
}

TEST_CASE("bench problem: a file has comments and empty lines; errors name file and line") {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "shapes.txt";
  std::ofstream(file) << "# products\n\ngemm m=1 n=2 k=3  # small\n  \t\nrelu n=1 h=1 w=1 c=8\n";
  CHECK(read_problems(file).size() == 2);
  std::ofstream(file) << "gemm m=1 n=2 k=3\n\ngemm m=1\n";
  CHECK_THROWS_WITH_AS(read_problems(file), (file + ":3: gemm needs n, e.g. n=64").c_str(), Error);
  std::ofstream(file) << "# nothing\n";
  CHECK_THROWS_WITH_AS(read_problems(file), (file + ": holds no problem").c_str(), Error);
  CHECK_THROWS_WITH_AS(read_problems(file + "x"), (file + "x: cannot be read").c_str(), Error);
  CHECK_THROWS_WITH_AS(read_problems(folder.path()),
                       (folder.path().string() + ": cannot be read").c_str(), Error);
}

struct Counts {
  int convolutions = 0, norms = 0, fused_norms = 0, pools = 0;
  double multiply_adds = 0;  // of convolutions and the head
};

Counts count(const std::string& arch, std::int64_t batch) {
  Counts counts;
  for (const BenchProblem& problem : network_problems(arch, batch, 224)) {
    if (const auto* conv = std::get_if<Conv2dProblem>(&problem.sizes)) {
      counts.convolutions += problem.layers;
      counts.multiply_adds += problem.layers * conv->multiply_adds();
    }
    if (const auto* norm = std::get_if<BatchNormProblem>(&problem.sizes)) {
      counts.norms += problem.layers;
      if (norm->relu && norm->residual) counts.fused_norms += problem.layers;
    }
    if (std::holds_alternative<MaxPool2dProblem>(problem.sizes)) counts.pools += problem.layers;
    const auto* gemm = std::get_if<GemmProblem>(&problem.sizes);
    if (gemm && gemm->bias) counts.multiply_adds += gemm->multiply_adds();
    if (gemm && gemm->bias) CHECK(gemm->m == batch);
  }
  return counts;
}

// torchvision states 1.814 and 4.089 billion multiply-adds per picture.
TEST_CASE("bench problem: a network's layers are all there") {
  const Counts small = count("resnet18", 1), large = count("resnet50", 3);
  CHECK(small.convolutions == 20);
  CHECK(small.norms == 20);
  CHECK(small.fused_norms == 8);  // one per block
  CHECK(small.pools == 1);
  CHECK(small.multiply_adds == doctest::Approx(1.814e9).epsilon(1e-3));
  CHECK(large.convolutions == 53);
  CHECK(large.fused_norms == 16);
  CHECK(large.multiply_adds == doctest::Approx(3 * 4.089e9).epsilon(1e-3));
}

}  // namespace
}  // namespace tl::test
