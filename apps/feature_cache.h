// FeatureCache: features that earlier runs have computed, on disk.
//
// One file holds all pictures that one frozen network has seen in one way, which its key states in
// words: the key, a digest and a row of features for each picture, and a digest of all that. It is
// read when the cache is opened, and replaced, whole or not at all, when features were added. Of
// two processes that add at once the later one's file stays; what only the other one had will be
// computed again. A file that is damaged, or not what its name says, is named on standard error and
// replaced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "apps/digest.h"
#include "io/shared_bytes.h"

namespace tl {

/// Where tlrun keeps what it could compute again: $TLRUN_CACHE, else $XDG_CACHE_HOME/tlrun, else
/// ~/.cache/tlrun; empty where the environment has none of them.
std::filesystem::path cache_folder();

/// All files of features together are kept below this size. Where room is short, rows that the
/// writing run has not used go first, then the files that have not been used for longest.
inline constexpr std::uint64_t kMostFeatureBytes = std::uint64_t{2} << 30;

class FeatureCache {
 public:
  /// Reads what `folder` has under `key`, rows of `columns` features. An empty folder: keeps
  /// nothing.
  FeatureCache(const std::filesystem::path& folder, std::string key, std::int64_t columns,
               std::uint64_t most_bytes = kMostFeatureBytes);
  /// save()
  ~FeatureCache();
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;

  bool is_on() const { return !path_.empty(); }
  const std::filesystem::path& path() const { return path_; }
  std::int64_t columns() const { return static_cast<std::int64_t>(columns_); }
  std::int64_t hits() const { return hits_; }  ///< calls of use()

  /// The features of a picture; empty where they were not in the file. Several threads may ask.
  std::span<const float> find(const Digest& picture) const;
  /// Says that this run needs what find() gave.
  void use(const Digest& picture);
  void add(const Digest& picture, std::span<const float> features);

  /// Writes what was added since. What cannot be written is said on standard error and given up:
  /// then false.
  bool save();

 private:
  struct Row {
    Digest picture;
    const float* features;
    bool is_used;
  };
  struct HashOfDigest {
    std::size_t operator()(const Digest& d) const { return static_cast<std::size_t>(d.low); }
  };

  void read();
  void write() const;
  void make_room() const;
  std::vector<Row> rows_to_write() const;
  std::size_t row_bytes() const { return sizeof(Digest) + columns_ * sizeof(float); }

  std::filesystem::path path_;
  std::string key_;
  std::size_t columns_;
  std::uint64_t most_bytes_;
  SharedBytes file_;       // what was read
  std::vector<Row> rows_;  // of it
  std::unordered_map<Digest, std::size_t, HashOfDigest> row_of_;
  std::int64_t hits_ = 0;
  std::vector<Digest> added_;
  std::vector<float> added_features_;
};

}  // namespace tl
