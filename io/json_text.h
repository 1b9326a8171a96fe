// parse_json: JSON from a file that is not trusted.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace tl {

/// The value; a discarded one where the text is no JSON. Throws Error (cause alone) where it is
/// nested over 256 deep: values are copied, compared and printed by functions that call themselves
/// for each level, and a megabyte of brackets would end the process.
nlohmann::json parse_json(std::string_view text);

}  // namespace tl
