// The file, numbers as they lie in memory:
//
//   Header
//   rows * columns * f32   features, at a multiple of 4 bytes: they are used where they lie
//   rows * Digest          the pictures that they belong to
//   the key
//   Digest                 of all the above
#include "apps/feature_cache.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "apps/standard_streams.h"
#include "io/atomic_file.h"
#include "io/byte_reader.h"
#include "io/file_bytes.h"
#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

struct Header {
  std::array<char, 16> format;  ///< with the version of this form
  std::uint64_t columns, rows, key_bytes;
};
constexpr std::array<char, 16> kFormat = {'t', 'l', 'r', 'u', 'n', ' ', 'f', 'e',
                                          'a', 't', 'u', 'r', 'e', 's', ' ', '1'};

constexpr std::string_view kExtension = ".features";

template <class T>
T copied(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// One line on what a run can do without.
void note(const std::string& text) { std::fprintf(stderr, "%s\n", printable(text).c_str()); }

/// Whether a file of the folder is one of ours, finished or left behind by a process that was
/// killed (AtomicFile's temporary name has a dot in front and a number behind).
bool is_of_a_cache(std::string name) {
  if (name.starts_with('.') && name.ends_with(".tmp")) name.erase(0, 1);
  constexpr std::size_t kDigits = 32;
  if (name.size() < kDigits || !std::string_view(name).substr(kDigits).starts_with(kExtension))
    return false;
  return name.find_first_not_of("0123456789abcdef") == kDigits;
}

std::string folder_named_by(const char* variable, const char* below) {
  const char* value = std::getenv(variable);
  return value && *value ? std::string(value) + below : "";
}

}  // namespace

fs::path cache_folder() {
  for (const auto& [variable, below] :
       {std::pair{"TLRUN_CACHE", ""}, {"XDG_CACHE_HOME", "/tlrun"}, {"HOME", "/.cache/tlrun"}}) {
    if (const std::string folder = folder_named_by(variable, below); !folder.empty()) return folder;
  }
  return {};
}

FeatureCache::FeatureCache(const fs::path& folder, std::string key, std::int64_t columns,
                           std::uint64_t most_bytes)
    : key_(std::move(key)), columns_(static_cast<std::size_t>(columns)), most_bytes_(most_bytes) {
  if (folder.empty()) return;
  const auto key_bytes = std::as_bytes(std::span(key_));
  path_ = folder / "features" / concat(to_text(digest_of(key_bytes)), kExtension);
  if (!file_exists(path_)) return;
  try {
    read();
  } catch (const Error& error) {
    note(concat(path_.string(), ": ", error.what(), "; its features are computed again"));
    rows_.clear();
    row_of_.clear();
    file_ = {};
  }
}

FeatureCache::~FeatureCache() { save(); }

void FeatureCache::read() {
  file_ = read_shared_bytes(path_);
  ByteReader reader(file_.span(), "file of features");
  const auto header = copied<Header>(reader.take(sizeof(Header)));
  check(header.format == kFormat, "not a file of features, or one of another version of tlrun");
  check(header.columns == columns_, "has ", header.columns, " features per picture, expected ",
        columns_);
  check(header.rows <= reader.left() / row_bytes(), "truncated file of features");
  const auto features = reader.take(header.rows * columns_ * sizeof(float));
  const auto pictures = reader.take(header.rows * sizeof(Digest));
  check(reader.text(header.key_bytes) == key_, "holds the features of another network");
  const auto content = file_.span().first(reader.position());
  check(copied<Digest>(reader.take(sizeof(Digest))) == digest_of(content) && reader.left() == 0,
        "damaged");
  for (std::size_t i = 0; i < header.rows; ++i) {
    const auto picture = copied<Digest>(pictures.subspan(i * sizeof(Digest)));
    const auto* first = reinterpret_cast<const float*>(features.data()) + i * columns_;
    row_of_.emplace(picture, i);
    rows_.push_back({picture, first, false});
  }
}

std::span<const float> FeatureCache::find(const Digest& picture) const {
  const auto found = row_of_.find(picture);
  if (found == row_of_.end()) return {};
  return {rows_[found->second].features, columns_};
}

void FeatureCache::use(const Digest& picture) {
  rows_[row_of_.at(picture)].is_used = true;
  ++hits_;
}

void FeatureCache::add(const Digest& picture, std::span<const float> features) {
  check(features.size() == columns_, "cache of features: a row of ", features.size(), ", expected ",
        columns_);
  if (!is_on()) return;
  added_.push_back(picture);
  added_features_.insert(added_features_.end(), features.begin(), features.end());
}

bool FeatureCache::save() {
  if (!is_on()) return false;
  bool is_kept = true;
  try {
    if (!added_.empty()) write();
  } catch (const std::exception& error) {
    note(concat("features are not kept: ", error.what()));
    is_kept = false;
  }
  std::error_code ignored;  // a file that was only read counts as used now
  fs::last_write_time(path_, fs::file_time_type::clock::now(), ignored);
  try {
    make_room();
  } catch (const std::exception&) {
    // A folder that cannot be read to its end: the next run tries again.
  }
  added_.clear();
  added_features_.clear();
  return is_kept;
}

/// Used and added rows first; each picture once.
std::vector<FeatureCache::Row> FeatureCache::rows_to_write() const {
  const std::uint64_t frame = sizeof(Header) + key_.size() + sizeof(Digest);
  const std::uint64_t most = most_bytes_ > frame ? (most_bytes_ - frame) / row_bytes() : 0;
  std::vector<Row> rows;
  std::unordered_set<Digest, HashOfDigest> written;
  const auto append = [&](const Row& row) {
    if (rows.size() < most && written.insert(row.picture).second) rows.push_back(row);
  };
  for (const Row& row : rows_)
    if (row.is_used) append(row);
  for (std::size_t i = 0; i < added_.size(); ++i)
    append({added_[i], added_features_.data() + i * columns_, true});
  for (const Row& row : rows_) append(row);
  return rows;
}

void FeatureCache::write() const {
  const fs::path folder = path_.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message());

  const std::vector<Row> rows = rows_to_write();
  const Header header{kFormat, columns_, rows.size(), key_.size()};
  std::string bytes;
  bytes.reserve(sizeof header + rows.size() * row_bytes() + key_.size() + sizeof(Digest));
  const auto append = [&bytes](const void* data, std::size_t size) {
    bytes.append(static_cast<const char*>(data), size);
  };
  append(&header, sizeof header);
  for (const Row& row : rows) append(row.features, columns_ * sizeof(float));
  for (const Row& row : rows) append(&row.picture, sizeof row.picture);
  bytes += key_;
  const Digest digest = digest_of(std::as_bytes(std::span(bytes)));
  append(&digest, sizeof digest);
  write_file_atomically(path_, bytes);
}

/// Removes other caches from the folder, those first that have not been used for longest, until all
/// fit. What a killed process left half-written goes the same way.
void FeatureCache::make_room() const {
  struct File {
    fs::file_time_type used;
    std::uint64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  std::uint64_t total = 0;
  std::error_code ignored;  // another process may remove a file meanwhile
  for (const auto& entry : fs::directory_iterator(path_.parent_path(), ignored)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone) || !is_of_a_cache(entry.path().filename().string())) continue;
    const File file{entry.last_write_time(gone), entry.file_size(gone), entry.path()};
    if (gone) continue;
    total += file.bytes;
    if (file.path != path_) files.push_back(file);
  }
  std::ranges::sort(files, {}, &File::used);
  for (const File& file : files) {
    if (total <= most_bytes_) return;
    if (fs::remove(file.path, ignored)) total -= file.bytes;
  }
}

}  // namespace tl
