// simt: CUDA kernels on the host. What a kernel file includes instead of CUDA's headers.
//
// Everything lies in namespace tl::simt, where the kernels lie too, so that nothing collides with
// CUDA's own names in a program that has both. Reading order: context.h (switching stacks),
// fiber.h, order.h, scheduler.h (the threads of a block), barriers.h, warp.h, launch.h, queues.h
// (when a launch runs).
#pragma once

#include "kernels/simt/alignment.h"
#include "kernels/simt/async_copy.h"
#include "kernels/simt/atomics.h"
#include "kernels/simt/barriers.h"
#include "kernels/simt/builtins.h"
#include "kernels/simt/keywords.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/math.h"
#include "kernels/simt/runtime_api.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/vector_types.h"
#include "kernels/simt/warp.h"
#include "kernels/simt/warp_reduce.h"
