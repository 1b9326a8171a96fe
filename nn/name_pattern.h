// Patterns for the names of parameters: how a user says which layers are trained.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tl {

/// Whether the pattern matches the whole name or a leading part of it that ends before a '.':
/// "layer4" is every parameter below layer4, and none of layer40. '*' stands for any number of
/// characters, dots included, '?' for one; upper and lower case differ.
bool matches_name(std::string_view pattern, std::string_view name);

/// The patterns of a list separated by ',' or '|', without the spaces around them. Throws where one
/// is empty.
std::vector<std::string> split_patterns(const std::string& list);

}  // namespace tl
