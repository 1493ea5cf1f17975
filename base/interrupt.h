// The user's wish to stop (Ctrl-C, SIGTERM, a terminal that went away), as a flag that long work
// looks at.
#pragma once

#include <atomic>

namespace lode {

/// Set once a stop was asked for. Libraries take a `const std::atomic<bool>&` so that tests can
/// bring their own.
[[nodiscard]] const std::atomic<bool>& interrupt_flag();

/// Installs handlers of SIGINT, SIGTERM and, unless it is ignored, SIGHUP that set the flag; a
/// second signal ends the process at once, as the default action does. SIGPIPE and SIGXFSZ are
/// ignored: a closed pipe and a file that reaches its size limit are then write errors.
void install_interrupt_handlers();

}  // namespace lode
