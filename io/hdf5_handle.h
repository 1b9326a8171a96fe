// Hdf5Handle: the C API of HDF5 with handles that close themselves and errors that are one line.
#pragma once

#define H5_USE_110_API  // the same functions from newer libraries
#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "kernels/error.h"

namespace tl {

/// Debian's serial HDF5 is not thread-safe: whoever calls into it (or forks to do so) holds this.
std::mutex& hdf5_mutex();

/// What HDF5 itself reported, as against what we refuse.
struct Hdf5Error : Error {
  using Error::Error;
};

/// The innermost message of HDF5's error stack, on one line; "unknown error" when there is none.
std::string hdf5_cause();

/// What to say of a file for whose sake HDF5 reported that. A form of the format that is newer than
/// the library is told apart from damage, as far as it can be.
Error unreadable_hdf5(const std::string& cause);

/// `id` when it is valid, else throws Hdf5Error("what: hdf5_cause()"). For hid_t, herr_t and counts
/// alike.
template <class Id>
Id hdf5_check(Id id, const std::string& what);

/// Owns an identifier and closes it by the function that belongs to its kind.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Hdf5Handle() = default;
  /// Throws Hdf5Error("what: cause") when `id` is invalid.
  Hdf5Handle(hid_t id, Close close_by, const std::string& what)
      : id_(hdf5_check(id, what)), close_(close_by) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }

  hid_t get() const { return id_; }

  /// Closes now. Throws Hdf5Error("what: cause") when that fails, as it does where the last bytes
  /// of a file cannot be written.
  void close(const std::string& what) { hdf5_check(close_(std::exchange(id_, -1)), what); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

[[noreturn]] void throw_hdf5_error(const std::string& what);

template <class Id>
Id hdf5_check(Id id, const std::string& what) {
  if (id < 0) throw_hdf5_error(what);
  return id;
}

/// HDF5 prints its error stack to stderr unless told not to.
void silence_hdf5();

}  // namespace tl
