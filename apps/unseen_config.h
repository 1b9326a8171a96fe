// UnseenConfig as the text of a model file's attribute "unseen": an object of what is unusual
// alone,
//   {"bottleneck_stride": "1x1", "epsilon": 1.001e-05}
#pragma once

#include <string>

#include "models/resnet_config.h"

namespace tl {

/// "" where everything is usual.
std::string to_json(const UnseenConfig& unseen);
/// Of "", what is usual. Throws Error where the text is no such object, or says more than is known
/// here: the network would compute something else.
UnseenConfig unseen_from_json(const std::string& text);

}  // namespace tl
