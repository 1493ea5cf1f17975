// Child processes: how they end, what they say, and that none is left behind.
#include "run/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace lode::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

ChildRequest shell(const std::string& script) {
  ChildRequest request;
  request.program = "/bin/sh";
  request.arguments = {"-c", script};
  return request;
}

ChildOutcome outcome_of(const ChildRequest& request) {
  const auto outcome = run_child(request);
  EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message);
  return outcome.ok() ? *outcome : ChildOutcome{};
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(outcome_of(shell("exit 0")).exit_code, 0);
  const ChildOutcome failed = outcome_of(shell("echo one >&2; echo 'lode: two' >&2; exit 3"));
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(failed.last_words, "lode: two");
  EXPECT_EQ(failed.describe(), "exit code 3: two");
  const ChildOutcome killed = outcome_of(shell("kill -SEGV $$"));
  EXPECT_EQ(killed.signal, SIGSEGV);
  EXPECT_EQ(killed.describe(), "ended by signal 11 (Segmentation fault)");
}

TEST(ChildProcess, ALongSpeechNeverBlocksIt) {
  const ChildOutcome outcome =
      outcome_of(shell("i=0; while [ $i -lt 20000 ]; do echo 'a line of its speech' >&2; "
                       "i=$((i+1)); done; echo end >&2"));
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.last_words, "end");
}

TEST(ChildProcess, WhatCannotBeRunIsAnError) {
  ChildRequest request;
  request.program = "/no/such/program";
  const auto outcome = run_child(request);
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().message, HasSubstr("cannot start '/no/such/program': No such file"));
}

TEST(ChildProcess, SettingsOfTheEnvironmentStayHere) {
  ::setenv("LODE_SET_BATCH", "4", 1);
  ::setenv("LODE_OTHER", "kept", 1);
  const ChildOutcome outcome =
      outcome_of(shell("echo \"${LODE_SET_BATCH:-none} $LODE_OTHER\" >&2"));
  ::unsetenv("LODE_SET_BATCH");
  ::unsetenv("LODE_OTHER");
  EXPECT_EQ(outcome.last_words, "none kept");
}

TEST(ChildProcess, TheWishToStopIsPassedOn) {
  std::atomic<bool> interrupted{false};
  ChildRequest request = shell("trap 'echo told >&2; exit 130' INT; while :; do sleep 0.05; done");
  request.interrupted = &interrupted;
  std::thread wish([&] {
    std::this_thread::sleep_for(milliseconds(300));
    interrupted.store(true);
  });
  const ChildOutcome outcome = outcome_of(request);
  wish.join();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_EQ(outcome.last_words, "told");
}

TEST(ChildProcess, OneThatDoesNotObeyIsEnded) {
  const std::atomic<bool> interrupted{true};
  ChildRequest request = shell("trap '' INT; while :; do sleep 0.05; done");
  request.interrupted = &interrupted;
  request.grace = milliseconds(300);
  EXPECT_EQ(outcome_of(request).signal, SIGKILL);
}

TEST(ChildProcess, DiesWithItsParent) {
  const std::string file = ::testing::TempDir() + "child_pid";
  ::unlink(file.c_str());
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    (void)run_child(shell("echo $$ > " + file + "; exec sleep 60"));
    ::_exit(0);
  }
  pid_t child = 0;
  for (int i = 0; i < 200 && child == 0; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    std::ifstream(file) >> child;
  }
  ASSERT_GT(child, 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    // Nobody may be there to reap it, so that it stays as a zombie.
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string id, name, state;
    gone = !(status >> id >> name >> state) || state == "Z";
  }
  EXPECT_TRUE(gone);
  ::unlink(file.c_str());
}

TEST(PauseFor, EndsWhenTheUserWishes) {
  const std::atomic<bool> interrupted{true};
  const auto begin = steady_clock::now();
  pause_for(milliseconds(60'000), &interrupted);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(30'000));
}

}  // namespace
}  // namespace lode::run
