// Weights in PyTorch's own files (.pth, .pt): what torch.save wrote, read without Python.
#pragma once

#include <span>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl {

/// A state dict, or a checkpoint that holds one (see pytorch_state_dict.h), in the order of the
/// dict; views and shared storages give each tensor its own values. dtypes become those of
/// StoredType; complex and quantised tensors are refused. Scalars, optimizers and whatever else is
/// plain are passed over; a class or function that tensors do not need refuses the file, and
/// nothing of it is run. Arrays point into `file` where they can.
///
/// read_pytorch_zip: since PyTorch 1.6, a zip file of a pickle and the storages.
/// read_pytorch_legacy: before, one stream of pickles with the storages behind them.
/// Both throw Error with the cause alone.
WeightsFile read_pytorch_zip(const SharedBytes& file);
WeightsFile read_pytorch_legacy(const SharedBytes& file);

/// Where the elements of a legacy file begin, as far as `head`, its first bytes, shows; else 0.
uint64_t pytorch_legacy_elements(std::span<const std::byte> head);

}  // namespace tl
