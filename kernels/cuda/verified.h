// Which variants on request have been verified on a GPU and may be chosen from now on.
#pragma once

#include "kernels/backend.h"

namespace tl::cuda {

/// Takes "on request" from the variants of `b` that `list` names, one a line: slot, variant, card.
/// Those that round more than the contract says ("..._tf32") and those of the vendor's libraries
/// stay on request whatever the list says.
void release_verified(Backend& b, std::string_view list);

/// The lines of verified.txt, as this program was built with them.
std::string_view verified_variants();

}  // namespace tl::cuda
