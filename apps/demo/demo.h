// tlrun demo: transfer against training from scratch, on pictures that the program draws itself.
#pragma once

#include <cstdint>
#include <string>

#include "apps/demo/transfer.h"

namespace tl {

struct DemoOptions {
  int seeds = 1;          ///< runs of each task and method, with seeds 0, 1, ...
  bool markdown = false;  ///< print the table alone, for a README
  TransferOptions transfer;
};

/// Prints a table: per task and method accuracy, balanced accuracy, F1 and seconds, with several
/// seeds their means and standard deviations. A seed draws the pictures, the random weights and
/// every order.
void demo(const DemoOptions& options);

}  // namespace tl
