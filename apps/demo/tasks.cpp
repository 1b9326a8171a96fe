#include "apps/demo/tasks.h"

#include "kernels/error.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

constexpr int kTextures = 4;  // plain to dots

SceneClass figure_of_any_texture(Figure figure) {
  return {name_of(figure), {.figure = figure}, true};
}

}  // namespace

std::vector<std::string> SceneTask::class_names() const {
  std::vector<std::string> names;
  for (const SceneClass& c : classes) names.push_back(c.name);
  return names;
}

SceneTask source_task() {
  SceneTask task{"source", 0, {}, {}, 10};
  for (const Figure figure : {Figure::disc, Figure::square, Figure::triangle, Figure::star,
                              Figure::ring, Figure::cross, Figure::crescent, Figure::bar}) {
    for (int i = 0; i < kTextures; ++i) {
      const auto texture = static_cast<Texture>(i);
      task.classes.push_back({name_of(texture) + "_" + name_of(figure), {figure, texture}});
      task.training.push_back(20);
    }
  }
  return task;
}

SceneTask balanced_task() {
  SceneTask task{"balanced", 1, {}, {}, 80};
  for (const Figure figure :
       {Figure::arrow, Figure::bolt, Figure::drop, Figure::flower, Figure::heart}) {
    task.classes.push_back(figure_of_any_texture(figure));
    task.training.push_back(60);
  }
  return task;
}

SceneTask imbalanced_task() {
  SceneTask task{"imbalanced", 2, {}, {90, 10}, 200};
  task.classes = {figure_of_any_texture(Figure::tile), figure_of_any_texture(Figure::tile)};
  task.classes[0].name = "whole";
  task.classes[1].name = "chipped";
  task.classes[1].subject.chipped = true;
  return task;
}

SceneTask scene_task(const std::string& name) {
  for (SceneTask task : {source_task(), balanced_task(), imbalanced_task()})
    if (task.name == name) return task;
  throw Error("task '" + name + "': there are source, balanced and imbalanced");
}

Image scene_picture(const SceneTask& task, Part part, std::int64_t label, std::int64_t index,
                    std::uint64_t seed) {
  const SceneClass& scene_class = task.classes.at(static_cast<std::size_t>(label));
  Dice dice(seed, 2 * task.number + (part == Part::test), static_cast<std::uint32_t>(label),
            static_cast<std::uint32_t>(index));
  Subject subject = scene_class.subject;
  if (scene_class.any_texture) subject.texture = static_cast<Texture>(dice.pick(kTextures));
  return draw_scene(subject, dice);
}

Preprocessing scene_preprocessing() {
  return {.resize = kSceneSize,
          .crop = kSceneSize,
          .mean = {0.5f, 0.5f, 0.5f},
          .std = {0.25f, 0.25f, 0.25f}};
}

PictureSet draw_pictures(const SceneTask& task, Part part, const std::vector<std::int32_t>& labels,
                         const std::vector<std::int64_t>& indices, std::uint64_t seed) {
  const Preprocessing preprocessing = scene_preprocessing();
  PictureSet set{std::vector<float>(labels.size() * static_cast<std::size_t>(preprocessing.size())),
                 labels};
  parallel_for(set.size(), [&](std::int64_t i, int) {
    const auto at = static_cast<std::size_t>(i);
    preprocess(scene_picture(task, part, labels[at], indices[at], seed), preprocessing,
               set.pixels.data() + i * preprocessing.size());
  });
  return set;
}

PictureSet draw_part(const SceneTask& task, Part part, std::uint64_t seed) {
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> indices;
  for (std::size_t c = 0; c < task.classes.size(); ++c) {
    const std::int64_t count = part == Part::training ? task.training[c] : task.test;
    for (std::int64_t i = 0; i < count; ++i) {
      labels.push_back(static_cast<std::int32_t>(c));
      indices.push_back(i);
    }
  }
  return draw_pictures(task, part, labels, indices, seed);
}

}  // namespace tl
