// Reads bottom up: demo() runs every method on every task and hands a Row to the printers.
#include "apps/demo/demo.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <vector>

#include "apps/demo/demo_network.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

struct Row {
  std::string task;
  Method method;
  std::vector<Outcome> outcomes;  ///< by seed
};

/// "87.3", with more than one seed "87.3 +- 1.2": mean and standard deviation (of a sample).
std::string summary(const Row& row, const std::function<double(const Outcome&)>& value,
                    const char* plus_minus) {
  const auto n = static_cast<double>(row.outcomes.size());
  double mean = 0, squares = 0;
  for (const Outcome& o : row.outcomes) mean += value(o) / n;
  for (const Outcome& o : row.outcomes) squares += (value(o) - mean) * (value(o) - mean);
  char text[64];
  if (n > 1)
    std::snprintf(text, sizeof text, "%.1f %s %.1f", mean, plus_minus,
                  std::sqrt(squares / (n - 1)));
  else
    std::snprintf(text, sizeof text, "%.1f", mean);
  return text;
}

std::vector<std::string> cells(const Row& row, const char* plus_minus) {
  const auto percent = [&](double Outcome::*value) {
    return summary(
        row, [=](const Outcome& o) { return 100 * o.*value; }, plus_minus);
  };
  return {row.task,
          name_of(row.method),
          percent(&Outcome::accuracy),
          percent(&Outcome::balanced_accuracy),
          percent(&Outcome::f1),
          summary(
              row, [](const Outcome& o) { return o.seconds; }, plus_minus)};
}

const std::vector<std::string> kHeads = {"task", "method", "accuracy %", "balanced accuracy %",
                                         "F1 %", "seconds"};

void print_aligned(const std::vector<std::string>& row) {
  constexpr int kWidths[] = {-12, -22, 13, 21, 13, 13};
  for (std::size_t i = 0; i < row.size(); ++i) std::printf("%*s", kWidths[i], row[i].c_str());
  std::printf("\n");
  std::fflush(stdout);
}

void print_markdown(const std::vector<std::string>& row) {
  for (const std::string& cell : row) std::printf("| %s ", cell.c_str());
  std::printf("|\n");
  std::fflush(stdout);
}

std::string counts_of(const SceneTask& task) {
  std::string text;
  for (std::size_t c = 0; c < task.classes.size(); ++c)
    text += concat(c ? ", " : "", task.training[c], " ", task.classes[c].name);
  return text;
}

void introduce(const std::vector<SceneTask>& tasks, const DemoOptions& options) {
  std::printf(
      "Pictures drawn by this program; weights inside it, which it learned on 32 other classes\n"
      "(%s). Device %s, %d threads.\n\n",
      name_of(demo_config(32)).c_str(), name_of(options.transfer.device), thread_count());
  for (const SceneTask& task : tasks) {
    const auto classes = std::ssize(task.classes);
    std::printf("%-12strained on %lld pictures (%s),\n%-12stested on %lld new ones, %lld of each\n",
                task.name.c_str(),
                static_cast<long long>(
                    std::accumulate(task.training.begin(), task.training.end(), std::int64_t{0})),
                counts_of(task).c_str(), "", static_cast<long long>(classes * task.test),
                static_cast<long long>(task.test));
  }
  std::printf("\n");
}

Row run(const SceneTask& task, Method method, const DemoOptions& options) {
  Row row{task.name, method, {}};
  for (int seed = 0; seed < options.seeds; ++seed) {
    const auto s = static_cast<std::uint64_t>(seed);
    row.outcomes.push_back(run_method(method, std::ssize(task.classes),
                                      draw_part(task, Part::training, s),
                                      draw_part(task, Part::test, s), s, options.transfer));
  }
  return row;
}

}  // namespace

void demo(const DemoOptions& options) {
  const std::vector<SceneTask> tasks = {balanced_task(), imbalanced_task()};
  if (!options.markdown) introduce(tasks, options);
  const auto print = options.markdown ? print_markdown : print_aligned;
  print(kHeads);
  if (options.markdown) print_markdown({"---", "---", "---", "---", "---", "---"});
  for (const SceneTask& task : tasks) {
    for (const Method method : kMethods)
      print(cells(run(task, method, options), options.markdown ? "±" : "+-"));
  }
  if (options.markdown) return;
  std::printf(R"(
See the pictures:   tlrun render pictures/
Your own pictures:  tlrun --weights resnet18.h5 --data imgs/   (a folder per class)
)");
}

}  // namespace tl
