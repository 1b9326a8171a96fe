#include "apps/batch_upload.h"

#include <array>
#include <utility>

namespace tl {
namespace {

Shape rows_of(std::int64_t rows, const Shape& row) {
  std::vector<std::int64_t> dims = {rows};
  dims.insert(dims.end(), row.dims().begin(), row.dims().end());
  return Shape(dims);
}

template <class T>
std::int64_t bytes_of(const std::vector<T>& values) {
  return static_cast<std::int64_t>(values.size() * sizeof(T));
}

}  // namespace

/// A stream of its own and two batches: while one is computed with, the other arrives.
struct BatchUpload::Pipe {
  struct Buffer {
    explicit Buffer(Device device) : arrived(device), done(device) {}
    DeviceBatch batch;
    WorkEvent arrived;
    WorkEvent done;  ///< with what was computed from it
  };

  explicit Pipe(Device device)
      : stream(device), pixels(device), labels(device), buffers{Buffer(device), Buffer(device)} {}

  WorkStream stream;
  Upload pixels, labels;
  std::array<Buffer, 2> buffers;
  std::size_t next = 0;
};

BatchUpload::BatchUpload(const Shape& row, Device device)
    : row_(row),
      device_(device),
      pipe_(memory_space(device) == MemorySpace::host ? nullptr : std::make_unique<Pipe>(device)) {}

BatchUpload::~BatchUpload() = default;

DeviceBatch BatchUpload::operator()(const Batch& batch) {
  const Shape shape = rows_of(batch.size(), row_);
  if (!pipe_) {
    return {Tensor::from(batch.pixels, shape, DType::f32, device_),
            Tensor::from(batch.labels, {batch.size()}, DType::i32, device_)};
  }
  const Stream computing = current_stream(device_);
  Pipe::Buffer& buffer = pipe_->buffers[pipe_->next];
  pipe_->next = 1 - pipe_->next;
  Pipe::Buffer& last = pipe_->buffers[pipe_->next];
  last.done.record(computing);  // what uses it has been issued by now
  buffer.done.order_before(pipe_->stream.get());
  {
    const StreamScope on_stream(pipe_->stream);
    if (!buffer.batch.pixels || buffer.batch.labels.size() < batch.size()) {
      // What is given back here goes to this stream, which waits for whoever computed with it.
      buffer.batch = {Tensor::empty(shape, DType::f32, device_),
                      Tensor::empty({batch.size()}, DType::i32, device_)};
    }
    const DeviceBatch rows = {buffer.batch.pixels.rows(0, batch.size()),
                              buffer.batch.labels.rows(0, batch.size())};
    pipe_->pixels.write(batch.pixels.data(), bytes_of(batch.pixels), rows.pixels);
    pipe_->labels.write(batch.labels.data(), bytes_of(batch.labels), rows.labels);
    buffer.arrived.record(pipe_->stream.get());
    buffer.arrived.order_before(computing);
    return rows;
  }
}

void for_each_batch(const BatchSource& next, BatchUpload& upload,
                    const std::function<void(const DeviceBatch&)>& start,
                    const std::function<bool(const Batch&)>& finish) {
  Batch batch, coming;
  if (!next(batch)) return;
  DeviceBatch on_device = upload(batch);
  bool is_more = true;
  const auto advance = [&] {
    is_more = next(coming);
    if (is_more) on_device = upload(coming);
  };
  while (is_more) {
    start(on_device);
    if (upload.is_beside()) advance();
    if (!finish(batch)) return;
    if (!upload.is_beside()) advance();
    std::swap(batch, coming);
  }
}

}  // namespace tl
