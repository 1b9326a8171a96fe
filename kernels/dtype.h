// DType: the element types a buffer can have, known at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ostream>

#include "kernels/bfloat16.h"
#include "kernels/error.h"

namespace tl {

/// f32: the default. f64: the reference. bf16: storage of activations in mixed precision. i32:
/// labels and positions. u8: pictures and raw bytes.
enum class DType : std::uint8_t { f32, f64, i32, u8, bf16 };

/// Bytes per element.
constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::i32:
      return 4;
    case DType::u8:
      return 1;
    case DType::bf16:
      return 2;
  }
  return 0;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
    case DType::bf16:
      return "bf16";
  }
  return "?";
}

constexpr bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16;
}

/// What goes with activations of `dtype` in mixed precision: parameters, their gradients,
/// statistics and biases are f32 beside bf16, and of the same dtype otherwise.
constexpr DType parameter_dtype(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

/// The DType of a C++ element type; not defined for types that no buffer can hold.
template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<BFloat16>() {
  return DType::bf16;
}

namespace detail {
template <class T>
struct ArithmeticOf {
  using Type = T;
};
template <>
struct ArithmeticOf<BFloat16> {
  using Type = float;
};
}  // namespace detail

/// The type that elements of type T are computed in, sums included: float for BFloat16, else T.
template <class T>
using Arithmetic = typename detail::ArithmeticOf<T>::Type;

/// Calls f(T{}) with T the C++ type of `dtype`, any of them.
template <std::invocable<float> F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u8:
      return f(std::uint8_t{});
    case DType::bf16:
      return f(BFloat16{});
  }
  throw Error("no such dtype");
}

/// Calls f(T{}) with T the float type of `dtype` (f32 or f64); throws, naming `op`, for any other.
/// This is how a kernel written once for several element types is entered.
template <class F>
decltype(auto) with_float(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    default:
      throw Error(concat(op, ": needs f32 or f64, got ", dtype));
  }
}

/// As with_float, with bf16 besides; f computes in Arithmetic<T>.
template <class F>
decltype(auto) with_float_or_bf16(const char* op, DType dtype, F&& f) {
  if (dtype == DType::bf16) return f(BFloat16{});
  check(is_float(dtype), op, ": needs f32, f64 or bf16, got ", dtype);
  return with_float(op, dtype, f);
}

}  // namespace tl
