#include "base/h5/h5_handle.h"

namespace lode::h5 {
namespace {

/// The walk begins with the most specific entry: keep the first that says anything.
herr_t keep_first(unsigned, const H5E_error2_t* entry, void* out) {
  auto& message = *static_cast<std::string*>(out);
  if (message.empty() && entry->desc != nullptr) message = entry->desc;
  return 0;
}

}  // namespace

void prepare_library() {
  static const bool prepared = [] {
    H5dont_atexit();
    H5open();
    H5PLset_loading_state(0);
    return true;
  }();
  (void)prepared;
  // Each thread has an error stack of its own, which else prints itself to stderr.
  static thread_local const bool t_is_quiet = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)t_is_quiet;
}

std::string last_reason() {
  std::string message;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &message);
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return message.empty() ? "unknown HDF5 failure" : message;
}

}  // namespace lode::h5
