// The program: everything is in cli/command.cc and the commands beside it.
#include "cli/command.h"

int main(int argc, char** argv) {
  return lode::cli::run_command_line(argc, argv);
}
