// A first layer for pictures of another number of channels than it was trained on.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/tensor.h"

namespace tl {

/// Changes the first filters among a file's tensors, [c_out, c_in, kh, kw] under usual names
/// (weight_names.h), to [c_out, channels, kh, kw]: each is summed over its channels, and every new
/// channel gets an equal share. A picture whose channels are equal gives what it gave before, be it
/// a grey picture of one channel or of three; of other pictures the mean of the channels is seen.
/// Does nothing where there are `channels` already. Throws where the filters are no floats.
void adapt_first_layer(std::map<std::string, Tensor>& tensors, std::int64_t channels);

}  // namespace tl
