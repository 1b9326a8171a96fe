#include "kernels/cuda/vendor/cudnn_descriptor.h"

#include <array>
#include <utility>

namespace tl::vendor {

std::string cudnn_message(cudnnStatus_t status) {
  std::array<char, 512> last{};
  cudnnGetLastErrorString(last.data(), last.size());
  std::string text = cudnnGetErrorString(status);
  // One line, as all errors are.
  for (std::string detail = last.data(); !detail.empty(); detail.clear()) {
    for (char& c : detail) c = c == '\n' ? ' ' : c;
    text += concat(" (", detail, ")");
  }
  return text;
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) : type_(type) {
  check_cudnn(cudnnBackendCreateDescriptor(type, &handle_), "descriptor ", static_cast<int>(type));
}

Descriptor::~Descriptor() {
  if (handle_) static_cast<void>(cudnnBackendDestroyDescriptor(handle_));
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : type_(other.type_), handle_(std::exchange(other.handle_, nullptr)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(type_, other.type_);
  std::swap(handle_, other.handle_);
  return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            std::int64_t count, const void* values) {
  check_cudnn(cudnnBackendSetAttribute(handle_, name, type, count, values), "descriptor ",
              static_cast<int>(type_), ", attribute ", static_cast<int>(name));
  return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  return set(name, CUDNN_TYPE_INT64, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name,
                            std::span<const std::int64_t> values) {
  return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, double value) {
  return set(name, CUDNN_TYPE_DOUBLE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, bool value) {
  return set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name,
                            const std::vector<Descriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const Descriptor& value : values) handles.push_back(value.handle_);
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()),
             handles.data());
}

void Descriptor::finalize() { check_cudnn(try_finalize(), "descriptor ", static_cast<int>(type_)); }

cudnnStatus_t Descriptor::try_finalize() { return cudnnBackendFinalize(handle_); }

std::int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                             std::int64_t most, void* values) const {
  std::int64_t found = 0;
  check_cudnn(cudnnBackendGetAttribute(handle_, name, type, most, &found, values), "descriptor ",
              static_cast<int>(type_), ", attribute ", static_cast<int>(name));
  return found;
}

std::int64_t Descriptor::count(cudnnBackendAttributeName_t name,
                               cudnnBackendAttributeType_t type) const {
  return get(name, type, 0, nullptr);
}

std::int64_t Descriptor::get_int64(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  get(name, CUDNN_TYPE_INT64, 1, &value);
  return value;
}

void Descriptor::get(cudnnBackendAttributeName_t name, std::vector<Descriptor>& values) const {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const Descriptor& value : values) handles.push_back(value.handle_);
  get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()),
      handles.data());
}

}  // namespace tl::vendor
