// StopSignal: Ctrl-C and SIGTERM as a wish to stop at the next safe place.
#pragma once

namespace tl {

/// While it lives, the first SIGINT or SIGTERM is only noted; a second one ends the program.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool received() const;
  /// "Ctrl-C" or "SIGTERM".
  const char* name() const;

 private:
  void (*interrupt_before_)(int);
  void (*terminate_before_)(int);
};

}  // namespace tl
