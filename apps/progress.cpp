#include "apps/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace tl {

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)), total_(total), shown_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::int64_t done) {
  if (!shown_ || total_ <= 0) return;
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(std::min(done, total_) * kWidth / total_);
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(kWidth, '.');
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  std::fprintf(stderr, "\r\033[K%s [%s] %lld/%lld  %.0f/s", label_.c_str(), bar.c_str(),
               static_cast<long long>(done), static_cast<long long>(total_),
               seconds > 0 ? static_cast<double>(done) / seconds : 0);
  std::fflush(stderr);
}

}  // namespace tl
