// Reads bottom up: profile_report() puts three tables together.
#include "apps/profile_report.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "engine/kernel_name.h"
#include "io/atomic_file.h"
#include "nn/layer_names.h"

namespace tl {
namespace {

double seconds_of(const KernelCall& call) {
  return std::chrono::duration<double>(call.end - call.begin).count();
}

/// What a line of a table adds up.
struct Sums {
  double seconds = 0, backward_seconds = 0, bytes = 0, flop = 0;
  std::int64_t calls = 0;

  void add(const ProfileEvent& event) {
    const double s = seconds_of(event.call);
    seconds += s;
    if (event.context.is_backward) backward_seconds += s;
    bytes += event.call.bytes;
    flop += event.call.flop;
    ++calls;
  }
  void add(const Sums& other) {
    seconds += other.seconds;
    backward_seconds += other.backward_seconds;
    bytes += other.bytes;
    flop += other.flop;
    calls += other.calls;
  }
};

using Lines = std::vector<std::pair<std::string, Sums>>;

/// Largest time first, cut to `rows` lines, the rest in one, the sum of all below.
Lines sorted(const std::map<std::string, Sums>& table, std::size_t rows) {
  Lines lines(table.begin(), table.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.seconds > b.second.seconds;
  });
  Sums rest, total;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    total.add(lines[i].second);
    if (i >= rows) rest.add(lines[i].second);
  }
  if (lines.size() > rows) {
    const std::size_t others = lines.size() - rows;
    lines.resize(rows);
    lines.emplace_back(concat(others, " others"), rest);
  }
  lines.emplace_back("all", total);
  return lines;
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string kernel_table(const Profile& profile, std::size_t rows) {
  std::map<std::string, Sums> table;
  for (const ProfileEvent& event : profile.events()) table[kernel_name(event.call)].add(event);
  const Lines lines = sorted(table, rows);
  const double all = lines.back().second.seconds;
  std::string text = formatted("%-44s %7s %10s %6s %8s %8s %8s %8s\n", "kernel", "calls", "ms",
                               "share", "MB", "GB/s", "GFLOP", "GFLOP/s");
  for (const auto& [name, s] : lines) {
    text += formatted("%-44s %7lld %10.2f %5.1f%% %8.1f %8.1f", name.c_str(),
                      static_cast<long long>(s.calls), 1e3 * s.seconds,
                      all > 0 ? 100 * s.seconds / all : 0.0, 1e-6 * s.bytes,
                      s.seconds > 0 ? 1e-9 * s.bytes / s.seconds : 0.0);
    text += s.flop > 0 && s.seconds > 0
                ? formatted(" %8.2f %8.1f\n", 1e-9 * s.flop, 1e-9 * s.flop / s.seconds)
                : formatted(" %8s %8s\n", "-", "-");
  }
  return text;
}

std::string layer_table(const Profile& profile, const LayerNames& names, std::size_t rows) {
  std::map<std::string, Sums> table;
  for (const ProfileEvent& event : profile.events()) table[names(event.context.layer)].add(event);
  std::string text =
      formatted("%-44s %7s %10s %10s %8s\n", "layer", "calls", "forward ms", "backward", "GFLOP");
  for (const auto& [name, s] : sorted(table, rows)) {
    text += formatted("%-44s %7lld %10.2f %10.2f %8.2f\n", name.c_str(),
                      static_cast<long long>(s.calls), 1e3 * (s.seconds - s.backward_seconds),
                      1e3 * s.backward_seconds, 1e-9 * s.flop);
  }
  return text;
}

std::string memory_line(const Profile& profile, const LayerNames& names) {
  const auto& events = profile.events();
  const auto peak = std::max_element(
      events.begin(), events.end(),
      [](const ProfileEvent& a, const ProfileEvent& b) { return a.memory < b.memory; });
  if (peak == events.end()) return "no kernel ran\n";
  return formatted("memory of tensors: %.1f MB at most, in ",
                   1e-6 * static_cast<double>(peak->memory)) +
         concat(names(peak->context.layer), peak->context.is_backward ? ", backward" : "", ", ",
                kernel_name(peak->call), "\n");
}

}  // namespace

std::string profile_report(const Profile& profile, const Module& network, std::size_t rows) {
  const LayerNames names(network);
  return kernel_table(profile, rows) + "\n" + layer_table(profile, names, rows) + "\n" +
         memory_line(profile, names);
}

void write_profile_trace(const std::filesystem::path& path, const Profile& profile,
                         const Module& network) {
  const LayerNames names(network);
  nlohmann::json events = nlohmann::json::array();
  const auto& seen = profile.events();
  const auto microseconds = [&](std::chrono::steady_clock::time_point t) {
    return std::chrono::duration<double, std::micro>(t - seen.front().call.begin).count();
  };
  for (const ProfileEvent& e : seen) {
    events.push_back(
        {{"name", kernel_name(e.call)},
         {"cat", e.context.is_backward ? "backward" : "forward"},
         {"ph", "X"},
         {"pid", 1},
         {"tid", 1},
         {"ts", microseconds(e.call.begin)},
         {"dur", 1e6 * seconds_of(e.call)},
         {"args",
          {{"layer", names(e.context.layer)}, {"bytes", e.call.bytes}, {"flop", e.call.flop}}}});
    events.push_back({{"name", "tensors"},
                      {"ph", "C"},
                      {"pid", 1},
                      {"ts", microseconds(e.call.end)},
                      {"args", {{"MB", 1e-6 * static_cast<double>(e.memory)}}}});
  }
  write_file_atomically(path, nlohmann::json{{"traceEvents", std::move(events)}}.dump());
}

}  // namespace tl
