#include "kernels/simt/static_objects.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <fstream>

#include "kernels/simt/source_place.h"

namespace tl::simt {
namespace {

template <class T>
std::vector<T> read(std::ifstream& file, std::uint64_t offset, std::uint64_t count) {
  std::vector<T> values(count);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(count * sizeof(T)));
  if (!file) values.clear();
  return values;
}

}  // namespace

std::vector<StaticObject> static_objects() {
  std::vector<StaticObject> objects;
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const auto headers = read<ElfW(Ehdr)>(file, 0, 1);
  if (headers.empty()) return objects;
  const ElfW(Ehdr)& program = headers[0];
  std::byte* const load = reinterpret_cast<std::byte*>(load_address());
  for (const auto& section : read<ElfW(Shdr)>(file, program.e_shoff, program.e_shnum)) {
    if (section.sh_type != SHT_SYMTAB) continue;
    const std::uint64_t count = section.sh_size / sizeof(ElfW(Sym));
    for (const auto& symbol : read<ElfW(Sym)>(file, section.sh_offset, count)) {
      if ((symbol.st_info & 0xf) != STT_OBJECT || symbol.st_size == 0) continue;
      std::byte* const begin = load + symbol.st_value;
      objects.push_back({begin, begin + symbol.st_size});
    }
  }
  std::sort(objects.begin(), objects.end(),
            [](const StaticObject& a, const StaticObject& b) { return a.begin < b.begin; });
  return objects;
}

}  // namespace tl::simt
