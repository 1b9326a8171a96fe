// What the tiled convolution kernels stand on: operands that gather (conv2d_operands.cuh), and
// tiles that multiply (product_tiles.cuh).
//
// A pass is written once as a kernel over a description of tiles (conv2d_forward_tiles.cuh,
// conv2d_backward_data_tiles.cuh, conv2d_backward_weight_tiles.cuh) and instantiated in .cu files,
// one per pass and kind of tile.
#pragma once

#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/product_tiles.cuh"
