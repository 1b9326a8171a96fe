// Descriptor: an object of cuDNN's graph API, which is one opaque handle with attributes. Nothing
// here needs a GPU: descriptors up to operations can be made and checked without one.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/error.h"

namespace tl::vendor {

/// cuDNN's name of the status and what it says about the last failure.
std::string cudnn_message(cudnnStatus_t status);

template <class... What>
void check_cudnn(cudnnStatus_t status, const What&... what) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw Error(concat("cudnn: ", what..., ": ", cudnn_message(status)));
}

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  Descriptor& set(cudnnBackendAttributeName_t name, std::int64_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  Descriptor& set(cudnnBackendAttributeName_t name, double value);
  Descriptor& set(cudnnBackendAttributeName_t name, bool value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value);
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values);
  /// Any other type of attribute.
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  std::int64_t count, const void* values);

  /// No attribute changes afterwards. Throws what cuDNN has against it.
  void finalize();
  /// finalize(), with the answer as a result.
  cudnnStatus_t try_finalize();

  /// How many values the attribute has.
  std::int64_t count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const;
  std::int64_t get_int64(cudnnBackendAttributeName_t name) const;
  /// Fills descriptors of the right type, which the caller has made.
  void get(cudnnBackendAttributeName_t name, std::vector<Descriptor>& values) const;
  /// Up to `most` values into `values`; returns how many.
  std::int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                   std::int64_t most, void* values) const;

  cudnnBackendDescriptor_t raw() const { return handle_; }

 private:
  cudnnBackendDescriptorType_t type_;
  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace tl::vendor
