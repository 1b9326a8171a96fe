// HDF5 files that somebody made to do harm, or that are only strange: their attributes, and how
// their groups hang together. Strange datasets are in damaged_hdf5_test.cpp.
#include <doctest/doctest.h>

#include <cstring>

#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "tests/io/hdf5_files.h"
#include "tests/io/pictures.h"
#include "tests/io/weights_files.h"

namespace tl {
namespace {

using namespace test;

/// What read_hdf5 says of a file made by `body`, without the path; "" if it reads it.
std::string hdf5_refusal(const std::function<void(hid_t)>& body) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  make_hdf5(path, body);
  const std::string text = error_of([&] { read_hdf5(path); });
  CHECK((text.empty() || is_one_line(text)));
  const size_t before = path.string().size() + 2;
  return text.substr(std::min(before, text.size()));
}

using Attributes = std::map<std::string, std::string>;

/// The attributes of a file made by `body`, beside one dataset, which must still be read.
Attributes attributes(const std::function<void(hid_t)>& body) {
  const TemporaryFolder folder;
  make_hdf5(folder / "x.h5", [&](hid_t file) {
    const float one = 1;
    put(file, "w", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1}, &one);
    body(file);
  });
  const WeightsFile file = read_hdf5(folder / "x.h5");
  CHECK(file.find("w") != nullptr);
  return file.attributes;
}

Hdf5Handle space_of(std::vector<hsize_t> dims) {
  return {dims.empty() ? H5Screate(H5S_SCALAR)
                       : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
          H5Sclose, "space"};
}

Hdf5Handle string_type(size_t size, H5T_str_t padding = H5T_STR_NULLTERM) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "string");
  hdf5_check(H5Tset_size(type.get(), size), "string");
  hdf5_check(H5Tset_strpad(type.get(), padding), "string");
  return type;
}

void annotate(hid_t file, const std::string& name, hid_t type, std::vector<hsize_t> dims,
              const void* value) {
  const Hdf5Handle space = space_of(std::move(dims));
  const Hdf5Handle attribute(
      H5Acreate2(file, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
  if (value) hdf5_check(H5Awrite(attribute.get(), type, value), name);
}

/// A file of the newest form, which alone has room for attributes over 64 KB.
void make_newest(const std::filesystem::path& path, const std::function<void(hid_t)>& body) {
  const std::lock_guard lock(hdf5_mutex());
  silence_hdf5();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "access");
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose,
                        "create");
  body(file.get());
}

TEST_CASE("hostile hdf5: strings of every kind are attributes, all else is passed over") {
  const Attributes read = attributes([](hid_t file) {
    const char* pointers[] = {"variable", "two"};
    const Hdf5Handle variable = string_type(H5T_VARIABLE);
    annotate(file, "variable", variable.get(), {}, pointers);
    annotate(file, "one of one", variable.get(), {1}, pointers);
    annotate(file, "list", variable.get(), {2}, pointers);
    annotate(file, "never written", variable.get(), {}, nullptr);
    annotate(file, "fixed", string_type(5).get(), {}, "four\0");
    annotate(file, "no end", string_type(4, H5T_STR_NULLPAD).get(), {}, "four");
    annotate(file, "spaces", string_type(6, H5T_STR_SPACEPAD).get(), {}, "a b   ");
    annotate(file, "cut", string_type(6).get(), {}, "ab\0cd\0");
    annotate(file, "empty list", string_type(4).get(), {0}, nullptr);
    const std::vector<uint8_t> zeros(1 << 15);
    annotate(file, "many", H5T_STD_U8LE, {1 << 15}, zeros.data());
    annotate(file, "reference", H5T_STD_REF_OBJ, {}, zeros.data());
    annotate(file, "region", H5T_STD_REF_DSETREG, {}, zeros.data());
    const Hdf5Handle lists(H5Tvlen_create(H5T_NATIVE_FLOAT), H5Tclose, "lists");
    annotate(file, "lists", lists.get(), {}, zeros.data());
    const Hdf5Handle null(H5Screate(H5S_NULL), H5Sclose, "null");
    const Hdf5Handle none(
        H5Acreate2(file, "null", variable.get(), null.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
        "null");
  });
  CHECK(read == Attributes{{"variable", "variable"},
                           {"one of one", "variable"},
                           {"never written", ""},
                           {"fixed", "four"},
                           {"no end", "four"},
                           {"spaces", "a b"},
                           {"cut", "ab"}});
}

TEST_CASE("hostile hdf5: attributes on other groups and datasets do not matter") {
  CHECK(attributes([](hid_t file) {
          const Hdf5Handle group(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                 H5Gclose, "g");
          annotate(group.get(), "weight_names", string_type(16).get(), {2},
                   std::string(32, 'x').data());
          annotate(group.get(), "keras_version", string_type(6).get(), {}, "2.15.0");
        }) == Attributes{});
}

TEST_CASE("hostile hdf5: attributes in absurd numbers and of absurd length") {
  CHECK(hdf5_refusal([](hid_t file) {
          for (int i = 0; i < 4097; ++i) annotate(file, concat("a", i), H5T_STD_U8LE, {}, "\0");
        }) == "over 4096 attributes");
  CHECK(hdf5_refusal([](hid_t file) {
          annotate(file, std::string(4097, 'n'), string_type(1).get(), {}, "x");
        }) == "an attribute's name over 4096 bytes");

  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto refused = [&](const std::function<void(hid_t)>& body) {
    make_newest(path, body);
    return error_of([&] { read_hdf5(path); });
  };
  constexpr size_t most = size_t{1} << 24;
  const std::string text(most + 1, 'x');
  CHECK(refused([&](hid_t file) {
          annotate(file, "large", string_type(most).get(), {}, text.data());
        }) == "");
  CHECK(read_hdf5(path).attributes.at("large").size() == most);
  CHECK(refused([&](hid_t file) {
          annotate(file, "large", string_type(most + 1).get(), {}, text.data());
        }).ends_with("attribute large: over 16777216 bytes"));
  CHECK(refused([&](hid_t file) {
          const char* pointer = text.data();
          const Hdf5Handle variable = string_type(H5T_VARIABLE);
          for (int i = 0; i < 5; ++i)
            annotate(file, concat("large", i), variable.get(), {}, &pointer);
        }).ends_with("over 67108864 bytes of attributes"));
}

/// Groups g/g/g/..., so many of them.
void nest(hid_t file, int groups) {
  std::string path;
  for (int i = 0; i < groups; ++i) {
    path += path.empty() ? "g" : "/g";
    const Hdf5Handle group(H5Gcreate2(file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                           H5Gclose, "g");
  }
  const float one = 1;
  put(file, (path + "/w").c_str(), H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1}, &one);
}

TEST_CASE("hostile hdf5: groups in groups end somewhere") {
  CHECK(hdf5_refusal([](hid_t file) { nest(file, 32); }) == "");
  CHECK(
      hdf5_refusal([](hid_t file) { nest(file, 33); }).ends_with("g/: groups nested over 32 deep"));
  CHECK(hdf5_refusal([](hid_t file) { nest(file, 1000); }).find("groups nested over 32 deep") !=
        std::string::npos);
}

TEST_CASE("hostile hdf5: links in circles, to nothing and to elsewhere are refused, each by name") {
  const auto linked = [](const std::function<void(hid_t)>& link) {
    return hdf5_refusal([&](hid_t file) {
      nest(file, 2);
      link(file);
    });
  };
  const auto soft = [](const char* to, const char* from) {
    return [=](hid_t file) { H5Lcreate_soft(to, file, from, H5P_DEFAULT, H5P_DEFAULT); };
  };
  CHECK(linked(soft("/g/g/me", "g/g/me")) ==
        "g/g/me: is a link to another place, which is refused");
  CHECK(linked(soft("/", "g/up")) == "g/up: is a link to another place, which is refused");
  CHECK(linked(soft("/nothing", "g/x")) == "g/x: is a link to another place, which is refused");
  CHECK(linked([](hid_t file) {
          H5Lcreate_hard(file, "g", file, "g/g/up", H5P_DEFAULT, H5P_DEFAULT);
        }) == "g/g/up/: a group inside itself or with two names");
  CHECK(linked([](hid_t file) {
          H5Lcreate_hard(file, "g", file, "h", H5P_DEFAULT, H5P_DEFAULT);
        }) == "h/: a group inside itself or with two names");
  CHECK(linked([](hid_t file) {
          H5Lcreate_external("x.h5", "/g", file, "h", H5P_DEFAULT, H5P_DEFAULT);
        }) == "h: is a link to another file, which is refused");
}

TEST_CASE("hostile hdf5: one name for two datasets") {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  make_hdf5(path, [](hid_t file) {
    const std::vector<float> values{1, 2};
    put(file, "weightA", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1}, &values[0]);
    put(file, "weightB", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1}, &values[1]);
  });
  std::vector<uint8_t> bytes = read_bytes(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t at = text.find("weightB");
  REQUIRE(at != std::string::npos);
  CHECK(text.find("weightB", at + 1) == std::string::npos);
  bytes[at + std::strlen("weight")] = 'A';
  write_bytes(path, bytes);
  CHECK(error_of([&] { read_hdf5(path); }) ==
        path.string() + ": weightA: two objects of that name");
}

TEST_CASE("hostile hdf5: a file inside of a zip file (.keras)") {
  const TemporaryFolder folder;
  make_hdf5(folder / "w.h5", [](hid_t file) {
    const std::vector<float> values{1, 2};
    put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, values.data());
    annotate(file, "model_config", string_type(3).get(), {}, "old");
  });
  const std::vector<uint8_t> bytes = read_bytes(folder / "w.h5");
  const std::string whole(bytes.begin(), bytes.end());
  const auto read = [&](const std::vector<ZipEntry>& entries) {
    const std::string zip = zip_of(entries);
    write_bytes(folder / "x.keras", {zip.begin(), zip.end()});
    return read_weights(folder / "x.keras");
  };
  const std::string pad = "an entry of odd length.";  // so that elements are not aligned
  for (const size_t odd : {0, 1, 2, 3}) {
    const WeightsFile file = read(
        {{"a", pad.substr(odd)}, {"model.weights.h5", whole}, {"config.json", "{\"config\":1}"}});
    CHECK(file.attributes == Attributes{{"model_config", "{\"config\":1}"}});
    const auto values = file.find("x")->as<float>();
    CHECK(std::vector<float>(values.begin(), values.end()) == std::vector<float>{1, 2});
  }
  CHECK(read({{"model.weights.h5", whole}}).attributes == Attributes{{"model_config", "old"}});
  const auto error_with = [&](const std::vector<ZipEntry>& entries) {
    return error_of([&] { read(entries); }).substr((folder / "x.keras").string().size());
  };
  CHECK(error_with({{"model.weights.h5", "x"}}) == ": not an HDF5 file");
  CHECK(error_with({{"model.weights.h5", whole.substr(0, 1000)}}) == ": truncated HDF5 file");
}

}  // namespace
}  // namespace tl
