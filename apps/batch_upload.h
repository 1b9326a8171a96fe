// Batches on their way to the device: while it computes one, the next is loaded and copied.
#pragma once

#include <functional>
#include <memory>

#include "apps/batch_source.h"
#include "engine/upload.h"

namespace tl {

/// A batch on the device.
struct DeviceBatch {
  Tensor pixels;  ///< [n, ...], f32: of a picture, or of whatever the rows are
  Tensor labels;  ///< [n], i32
};

class BatchUpload {
 public:
  /// `row` is the shape of one picture.
  BatchUpload(const Shape& row, Device device);
  ~BatchUpload();

  /// The tensors of the batch, for the current stream; what uses them is to be issued before the
  /// next call. Neither waits for the device nor makes it wait, as long as the batch before the
  /// last is done with.
  DeviceBatch operator()(const Batch& batch);

  /// Whether the device computes beside the host: then it pays to send a batch early.
  bool is_beside() const { return pipe_ != nullptr; }

 private:
  struct Pipe;
  Shape row_;
  Device device_;
  std::unique_ptr<Pipe> pipe_;  // none in host memory: a copy is there at once
};

/// For each batch of `next`: start(batch on the device) issues work and finish(batch) reads what it
/// has made; it ends the pass by returning false. A device that computes beside the host is sent
/// the next batch in between.
void for_each_batch(const BatchSource& next, BatchUpload& upload,
                    const std::function<void(const DeviceBatch&)>& start,
                    const std::function<bool(const Batch&)>& finish);

}  // namespace tl
