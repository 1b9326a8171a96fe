// Bf16Copy: the copy of an f32 parameter that mixed precision computes with.
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace tl {

/// The parameter stays f32, and so does its gradient; beside bf16 activations an op is handed this
/// copy. An optimizer writes it in the pass that updates the parameter. Whoever else writes the
/// parameter (a file that is loaded) need not know of it: get() sees from the version of the
/// parameter's storage that the copy is old.
class Bf16Copy {
 public:
  explicit Bf16Copy(Tensor parameter) : parameter_(std::move(parameter)) {}

  /// The parameter rounded to bf16: cast now (in captured work before each run), where the
  /// parameter was written since the last time. Always the same tensor.
  const Tensor& get();

  /// For a kernel that is about to write the parameter, and this with it; absent until the copy has
  /// been asked for once. Call written() when both are.
  View writable() const { return copy_ ? copy_.writable() : View{}; }
  void written() { version_ = parameter_.version(); }

 private:
  void refresh();

  Tensor parameter_, copy_;
  std::uint64_t version_ = 0;  ///< of the parameter when the copy was equal to it
};

}  // namespace tl
