// Source: APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3 and 4.5.3. Reading order: the end of the file,
// which says where the directory is; a line of the directory; the entry that it points to.
#include "io/zip_archive.h"

#include <algorithm>

#include "io/byte_reader.h"
#include "io/printable.h"

namespace tl {
namespace {

constexpr uint32_t entry_signature = 0x04034b50, directory_signature = 0x02014b50,
                   end_signature = 0x06054b50, end64_signature = 0x06064b50,
                   locator64_signature = 0x07064b50;
constexpr size_t end_bytes = 22, locator64_bytes = 20, max_comment_bytes = 65535;
constexpr uint32_t in_zip64 = 0xffffffff;  // "the number is in the zip64 field"
constexpr uint16_t zip64_field = 1, is_encrypted = 1, stored_as_is = 0;

struct Directory {
  uint64_t count = 0, bytes = 0, offset = 0;
};

std::span<const std::byte> part(std::span<const std::byte> file, uint64_t offset, uint64_t bytes) {
  check(offset <= file.size() && bytes <= file.size() - offset, "damaged zip file (it points to ",
        bytes, " bytes at ", offset, ", but has ", file.size(), ")");
  return file.subspan(static_cast<size_t>(offset), static_cast<size_t>(bytes));
}

ByteReader reader_at(std::span<const std::byte> file, uint64_t offset) {
  part(file, offset, 0);
  return {file.subspan(static_cast<size_t>(offset)), "zip file"};
}

/// Where the end record is: the last that its own comment carries to the end of the file.
size_t find_end(std::span<const std::byte> file) {
  const size_t most = std::min(file.size(), end_bytes + max_comment_bytes);
  for (size_t back = end_bytes; back <= most; ++back) {
    ByteReader in = reader_at(file, file.size() - back);
    if (in.number<uint32_t>() != end_signature) continue;
    in.take(16);
    if (in.number<uint16_t>() == back - end_bytes) return file.size() - back;
  }
  throw Error("truncated zip file (no directory at its end)");
}

Directory find_directory(std::span<const std::byte> file) {
  const size_t end = find_end(file);
  ByteReader in = reader_at(file, end + 4);
  in.take(6);  // disks, and entries on this one
  Directory directory;
  directory.count = in.number<uint16_t>();
  directory.bytes = in.number<uint32_t>();
  directory.offset = in.number<uint32_t>();
  if (end < locator64_bytes) return directory;
  ByteReader locator = reader_at(file, end - locator64_bytes);
  if (locator.number<uint32_t>() != locator64_signature) return directory;
  locator.take(4);
  ByteReader end64 = reader_at(file, locator.number<uint64_t>());
  check(end64.number<uint32_t>() == end64_signature, "damaged zip file (no zip64 end record)");
  end64.take(28);  // its size, versions, disks, entries on this one
  directory.count = end64.number<uint64_t>();
  directory.bytes = end64.number<uint64_t>();
  directory.offset = end64.number<uint64_t>();
  return directory;
}

/// A line of the directory.
struct Line {
  std::string_view name;
  uint64_t bytes = 0, packed_bytes = 0, offset = 0;
  bool encrypted = false;
  uint16_t method = stored_as_is;
};

/// Takes the numbers that did not fit from the extra field, which has them in this order.
void read_zip64(ByteReader extra, Line& line) {
  while (extra.left() >= 4) {
    const auto id = extra.number<uint16_t>();
    ByteReader field(extra.take(extra.number<uint16_t>()), "zip64 field");
    if (id != zip64_field) continue;
    for (uint64_t* number : {&line.bytes, &line.packed_bytes, &line.offset}) {
      if (*number == in_zip64) *number = field.number<uint64_t>();
    }
    return;
  }
}

Line read_line(ByteReader& in) {
  check(in.number<uint32_t>() == directory_signature, "damaged zip file (directory)");
  in.take(4);  // versions
  Line line;
  line.encrypted = in.number<uint16_t>() & is_encrypted;
  line.method = in.number<uint16_t>();
  in.take(8);  // time, date, checksum
  line.packed_bytes = in.number<uint32_t>();
  line.bytes = in.number<uint32_t>();
  const auto name_bytes = in.number<uint16_t>(), extra_bytes = in.number<uint16_t>(),
             comment_bytes = in.number<uint16_t>();
  in.take(8);  // disk, attributes
  line.offset = in.number<uint32_t>();
  line.name = in.text(name_bytes);
  read_zip64(ByteReader(in.take(extra_bytes), "zip file"), line);
  in.take(comment_bytes);
  check(line.bytes == line.packed_bytes || line.encrypted || line.method != stored_as_is,
        shown(line.name), ": damaged zip file (two sizes)");
  return line;
}

/// The bytes of the entry; `start` to their end is what it takes of the file.
std::span<const std::byte> bytes_of(std::span<const std::byte> file, const Line& line) {
  ByteReader in = reader_at(file, line.offset);
  check(in.number<uint32_t>() == entry_signature, shown(line.name), ": damaged zip file (entry)");
  in.take(22);
  const auto name_bytes = in.number<uint16_t>(), extra_bytes = in.number<uint16_t>();
  check(in.text(name_bytes) == line.name, shown(line.name), ": damaged zip file (two names)");
  in.take(extra_bytes);
  return part(file, line.offset + in.position(), line.packed_bytes);
}

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> file) {
  const Directory directory = find_directory(file);
  ByteReader in(part(file, directory.offset, directory.bytes), "zip file");
  std::vector<std::span<const std::byte>> taken;  // of the file, by each entry with its header
  for (uint64_t i = 0; i < directory.count; ++i) {
    const Line line = read_line(in);
    const auto bytes = bytes_of(file, line);
    const std::byte* start = file.data() + line.offset;
    taken.push_back({start, bytes.data() + bytes.size()});
    entries_.push_back({line.name, bytes, line.encrypted, line.method});
  }
  taken.push_back(file.subspan(static_cast<size_t>(directory.offset)));

  std::ranges::sort(taken, {}, [](const auto& part) { return part.data(); });
  for (size_t i = 1; i < taken.size(); ++i) {
    check(taken[i - 1].data() + taken[i - 1].size() <= taken[i].data(),
          "damaged zip file (entries overlap)");
  }
  std::ranges::sort(entries_, {}, &Entry::name);
  const auto twice = std::ranges::adjacent_find(entries_, {}, &Entry::name);
  check(twice == entries_.end(), twice == entries_.end() ? "" : shown(twice->name),
        ": two entries of that name");
}

const ZipArchive::Entry* ZipArchive::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
  if (found == entries_.end() || found->name != name) return nullptr;
  check(!found->is_encrypted, shown(name), ": encrypted, which is not read");
  check(found->method == stored_as_is, shown(name), ": compressed in the zip file (method ",
        found->method, "), which is not read; torch.save stores");
  return &*found;
}

}  // namespace tl
