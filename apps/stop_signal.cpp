#include "apps/stop_signal.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace tl {
namespace {

volatile std::sig_atomic_t noted = 0;

void note(int signal) {
  noted = signal;
  constexpr std::string_view said = "\nstopping after this step; once more: at once\n";
  (void)!::write(STDERR_FILENO, said.data(), said.size());  // stdio is not for signal handlers
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

}  // namespace

StopSignal::StopSignal() {
  noted = 0;
  interrupt_before_ = std::signal(SIGINT, note);
  terminate_before_ = std::signal(SIGTERM, note);
}

StopSignal::~StopSignal() {
  std::signal(SIGINT, interrupt_before_);
  std::signal(SIGTERM, terminate_before_);
}

bool StopSignal::received() const { return noted != 0; }

const char* StopSignal::name() const { return noted == SIGTERM ? "SIGTERM" : "Ctrl-C"; }

}  // namespace tl
