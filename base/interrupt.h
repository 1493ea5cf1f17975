// The user's wish to stop (Ctrl-C, SIGTERM, a terminal that went away), as a flag that long work
// looks at.
#pragma once

#include <atomic>

namespace lode {

/// Set once a stop was asked for. Libraries take a `const std::atomic<bool>&` so that tests can
/// bring their own.
[[nodiscard]] const std::atomic<bool>& interrupt_flag();

/// Installs handlers of SIGINT, SIGTERM and, unless it is ignored, SIGHUP that set the flag; a
/// second one, half a second later or more, ends the process at once, as the default action does
/// (sooner, it is the same wish on another way). SIGPIPE and SIGXFSZ are
/// ignored: a closed pipe and a file that reaches its size limit are then write errors.
void install_interrupt_handlers();

}  // namespace lode
