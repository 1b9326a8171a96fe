// A network that Keras saved (models/keras_names.h says which), as a model of ours.
#pragma once

#include "apps/model_file.h"

namespace tl {

/// Fills in tensors, preprocessing and what is unseen, from names and attributes; false, and
/// nothing done, if the file is not Keras's. Pictures are prepared as keras.applications does it
/// for its ResNets, or by the model's own layer Rescaling, which a whole model (model.save) tells
/// of. Throws Error with the cause alone.
bool read_keras(const WeightsFile& file, ModelFile& model);

}  // namespace tl
