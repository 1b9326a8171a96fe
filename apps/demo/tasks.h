// The demo's tasks: which classes there are and how many pictures of each, and the pictures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/demo/scene.h"
#include "io/batch_loader.h"
#include "io/preprocess.h"

namespace tl {

struct SceneClass {
  std::string name;
  Subject subject;
  bool any_texture = false;  ///< one of the first four is drawn for each picture
};

struct SceneTask {
  std::string name;
  std::uint32_t number;  ///< no two tasks share a picture
  std::vector<SceneClass> classes;
  std::vector<std::int64_t> training;  ///< pictures per class
  std::int64_t test = 0;               ///< pictures of every class

  std::vector<std::string> class_names() const;
};

/// What the shipped weights were trained on: 32 classes, each of 8 figures in each of 4 textures.
/// It has no end of pictures; `training` is what `tlrun render` writes.
SceneTask source_task();
/// 5 other figures, 60 pictures of each, whatever their texture.
SceneTask balanced_task();
/// Hexagonal tiles: 90 pictures of whole ones, 10 of tiles with a piece broken out.
SceneTask imbalanced_task();
/// By name; throws, listing the names, otherwise.
SceneTask scene_task(const std::string& name);

enum class Part { training, test };

/// The picture of that class and index: a pure function of its arguments. Pictures of different
/// parts, classes, indices or seeds have nothing in common.
Image scene_picture(const SceneTask& task, Part part, std::int64_t label, std::int64_t index,
                    std::uint64_t seed);

/// What the demo's network sees of a picture: no resize, values about 0.
Preprocessing scene_preprocessing();

/// Pictures as a network takes them.
struct PictureSet {
  std::vector<float> pixels;  ///< [n, kSceneSize, kSceneSize, 3]
  std::vector<std::int32_t> labels;

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

/// A part of a task, class by class.
PictureSet draw_part(const SceneTask& task, Part part, std::uint64_t seed);

/// Pictures labels[i], indices[i] of the training part, drawn on all threads.
PictureSet draw_pictures(const SceneTask& task, Part part, const std::vector<std::int32_t>& labels,
                         const std::vector<std::int64_t>& indices, std::uint64_t seed);

}  // namespace tl
