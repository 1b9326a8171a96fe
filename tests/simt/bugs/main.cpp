// simt_bugs: runs planted bugs and demands that they are noticed.
//
//     simt_bugs                  every bug and every mended kernel, each in a process of its own;
//                                exits 0 if each was noticed as its line demands
//     simt_bugs --table          the same, and one line per bug of what was noticed, tab-separated
//     simt_bugs NAME [--mended]  one of them here, for a debugger
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include "kernels/simt/asan.h"
#include "kernels/simt/race.h"
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr const char* kRight = "right result";

std::vector<Bug> all_bugs() {
  std::vector<Bug> all;
  for (const auto& list :
       {bounds_bugs(), barrier_bugs(), block_bugs(), warp_bugs(), value_bugs(), launch_bugs(),
        async_copy_bugs(), tensor_core_bugs(), stream_bugs(), capture_bugs()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

int run_one(bool (*is_right)()) {
  try {
    const bool right = is_right();
    std::cout << (right ? kRight : kWrong) << std::endl;
    return right ? 0 : 1;
  } catch (const Error& error) {
    std::cout << "reported: " << error.what() << std::endl;
    return 2;
  }
}

/// What `simt_bugs NAME ...` prints in a process of its own.
std::string output_of(const std::string& program, const std::string& arguments,
                      const std::string& order) {
  const std::string command =
      concat("TL_SIMT_ORDER=", order, " timeout 60 '", program, "' ", arguments, " 2>&1");
  FILE* pipe = popen(command.c_str(), "r");
  check(pipe, "cannot run ", command);
  std::string text;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    text.append(buffer, n);
  }
  pclose(pipe);
  return text;
}

/// For the table: "-", "wrong", or who has reported something.
const char* noticed(const std::string& output) {
  const auto has = [&](const char* part) { return output.find(part) != std::string::npos; };
  if (has("ERROR: AddressSanitizer")) return "ASan";
  if (has(": runtime error: ")) return "UBSan";
  if (has("reported: ") || has("simt: ")) return "report";
  if (has(kWrong)) return "wrong";
  return has(kRight) ? "-" : "crash";
}

struct Build {
  const char* name;
  const char* Caught::*demanded;
  std::vector<std::string> orders;
};

Build this_build() {
  if constexpr (kAddressSanitizer) return {"asan", &Caught::asan, {"forward"}};
  if constexpr (kRaceChecker) return {"race", &Caught::race, {"forward", "reverse"}};
  return {"plain", &Caught::plain, {"forward", "reverse", "random:1"}};
}

int run_all(const std::string& program, bool table) {
  const Build build = this_build();
  int faults = 0, demands = 0;
  const auto fault = [&](const Bug& bug, const std::string& what, const std::string& output) {
    ++faults;
    std::cout << bug.name << ": " << what << "; it printed:\n" << output << "\n";
  };
  const std::vector<Bug> bugs = all_bugs();
  for (const Bug& bug : bugs) {
    const char* demanded = bug.caught.*build.demanded;
    bool found = false;
    std::string row = bug.name, outputs;
    for (const std::string& order : build.orders) {
      const std::string output = output_of(program, bug.name, order);
      found = found || (demanded && output.find(demanded) != std::string::npos);
      row += concat("\t", noticed(output));
      outputs += output;
      if (bug.mended) {
        const std::string mended = output_of(program, concat(bug.name, " --mended"), order);
        if (mended != concat(kRight, "\n")) fault(bug, concat("mended, in order ", order), mended);
      }
    }
    demands += demanded != nullptr;
    if (demanded && !found) fault(bug, concat("must print '", demanded, "'"), outputs);
    if (!bug.caught.plain && !bug.caught.asan && !bug.caught.race) {
      fault(bug, "is demanded of no build", "");
    }
    if (table) std::cout << row << "\t" << bug.what << "\n";
  }
  std::cerr << build.name << ": " << demands << " of " << bugs.size()
            << " bugs must be noticed, faults: " << faults << "\n";
  return faults > 0;
}

}  // namespace
}  // namespace tl::simt::bugs

int main(int argc, char** argv) {
  using namespace tl::simt::bugs;
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 1 || first == "--table") return run_all(argv[0], argc > 1);
  for (const Bug& bug : all_bugs()) {
    if (first != bug.name) continue;
    const bool mended = argc > 2 && std::string_view(argv[2]) == "--mended";
    if (mended && !bug.mended) break;
    return run_one(mended ? bug.mended : bug.is_right);
  }
  std::cerr << "usage: simt_bugs [--table | NAME [--mended]], with NAME one of";
  for (const Bug& bug : all_bugs()) std::cerr << "\n  " << bug.name;
  std::cerr << "\n";
  return 2;
}
