#include "io/hdf5_handle.h"

namespace tl {

std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::string hdf5_cause() {
  std::string cause;
  const auto first = [](unsigned, const H5E_error2_t* error, void* into) -> herr_t {
    auto* text = static_cast<std::string*>(into);
    if (text->empty() && error->desc) *text = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &cause);
  for (char& c : cause) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return cause.empty() ? "unknown error" : cause;
}

Error unreadable_hdf5(const std::string& cause) {
  if (cause.find("bad version number") == std::string::npos)
    return Error(concat("damaged or unsupported HDF5 file (", cause, ")"));
  return Error(concat("damaged HDF5 file, or of a form that is newer than HDF5 ", H5_VERS_MAJOR,
                      ".", H5_VERS_MINOR, ".", H5_VERS_RELEASE, " reads (", cause,
                      "); h5py writes older ones with libver='earliest'"));
}

void throw_hdf5_error(const std::string& what) {
  throw Hdf5Error(concat(what, ": ", hdf5_cause()));
}

void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

}  // namespace tl
