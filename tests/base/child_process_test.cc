// Child processes: what they are given and what not, how they end, and that none is left behind.
#include "base/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

namespace lode {
namespace {

using ::testing::HasSubstr;

/// What its output came to, and how it ended.
struct Heard {
  std::string text;
  ChildEnd end;
};

ChildCommand shell(const std::string& script) {
  ChildCommand command;
  command.program = "/bin/sh";
  command.words = {"sh", "-c", script};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

std::string read_all(int file) {
  std::string text;
  char buffer[256];
  for (ssize_t size = 0; (size = read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}

Heard hear(ChildCommand command) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const FileHandle from(ends[0]);
  FileHandle into(ends[1]);
  command.output = into.get();
  auto child = ChildProcess::start(std::move(command));
  EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message);
  if (!child.ok()) return {};
  into.close();
  Heard heard;
  heard.text = read_all(from.get());
  const auto end = child->wait();
  EXPECT_TRUE(end.ok());
  if (end.ok()) heard.end = *end;
  EXPECT_EQ(child->pid(), -1);
  EXPECT_EQ(child->state(), "is gone");
  return heard;
}

/// Whether a process that may be nobody's to reap ends within some seconds.
bool ends(pid_t pid) {
  for (int i = 0; i < 200; ++i) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string id, name, state;
    if (!(status >> id >> name >> state) || state == "Z") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(ChildProcess, GetsItsEnvironmentAndNoOther) {
  setenv("LODE_TEST_OWN", "here", 1);
  ChildCommand command = shell("echo \"$GIVEN ${LODE_TEST_OWN:-none}\"");
  command.environment.push_back("GIVEN=there");
  EXPECT_EQ(hear(command).text, "there none\n");
  EXPECT_THAT(environment_entries(), ::testing::Contains("LODE_TEST_OWN=here"));
  unsetenv("LODE_TEST_OWN");
}

TEST(ChildProcess, GetsItsFilesInTheirOrder) {
  int first[2];
  int second[2];
  ASSERT_EQ(pipe(first), 0);
  ASSERT_EQ(pipe(second), 0);
  ASSERT_EQ(write(first[1], "one ", 4), 4);
  ASSERT_EQ(write(second[1], "two ", 4), 4);
  for (const int end : {first[1], second[1]}) close(end);
  // The second is likely to have a number that is the target of another.
  ChildCommand command = shell("cat <&3; cat <&4; cat; echo end");
  command.files = {second[0], first[0]};
  EXPECT_EQ(hear(command).text, "two one end\n");
  for (const int end : {first[0], second[0]}) close(end);
}

TEST(ChildProcess, GetsNoOtherFile) {
  const FileHandle open_here(open("/dev/null", O_RDONLY));
  const FileHandle open_far(fcntl(open_here.get(), F_DUPFD, 900));
  ASSERT_GE(open_far.get(), 900);
  const std::string script =
      fmt::format("for n in {} {}; do test -e /proc/$$/fd/$n && echo $n; done; echo end",
                  open_here.get(), open_far.get());
  EXPECT_EQ(hear(shell(script)).text, "end\n");
}

TEST(ChildProcess, StaysOnItsProcessors) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &usable)) last = cpu;
  }
  ChildCommand command = shell("exec grep Cpus_allowed_list /proc/self/status");
  command.cpus = {last};
  EXPECT_EQ(hear(command).text, fmt::format("Cpus_allowed_list:\t{}\n", last));
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(hear(shell("exit 3")).end.exit_code, 3);
  EXPECT_EQ(hear(shell("exit 3")).end.signal, 0);
  EXPECT_EQ(hear(shell("kill -SEGV $$")).end.exit_code, -1);
  EXPECT_EQ(hear(shell("kill -SEGV $$")).end.signal, SIGSEGV);
  auto child = ChildProcess::start(shell("exit 4"));
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->wait_for_end(10'000'000'000));
  EXPECT_EQ(child->state(), "exited with code 4");
}

TEST(ChildProcess, TakesSignals) {
  auto child = ChildProcess::start(shell("exec sleep 60"));
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->state(), "is running");
  EXPECT_FALSE(child->wait_for_end(1'000'000));
  child->send_signal(SIGTERM);
  const auto end = child->wait();
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->signal, SIGTERM);
}

TEST(ChildProcess, WhatCannotBeStartedIsAnError) {
  const auto error = [](ChildCommand command) {
    const auto child = ChildProcess::start(std::move(command));
    EXPECT_FALSE(child.ok());
    return child.ok() ? "" : child.error().message;
  };
  ChildCommand command = shell("exit 0");
  command.program = "/no/such/program";
  EXPECT_EQ(error(command), "cannot start '/no/such/program': No such file or directory");
  command = shell("exit 0");
  command.files = {12345};
  EXPECT_EQ(error(command), "cannot start '/bin/sh': Bad file descriptor");
  command = shell("exit 0");
  command.cpus = {CPU_SETSIZE - 1};
  EXPECT_EQ(error(command), "cannot start '/bin/sh': Invalid argument");
}

TEST(ChildProcess, OneApartGoesWithItsHelpers) {
  for (const bool waits : {false, true}) {
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    ChildCommand command = shell("sleep 60 & echo $!; " + std::string(waits ? "exit 0" : "wait"));
    command.output = pipe_ends[1];
    command.is_apart = true;
    auto child = ChildProcess::start(std::move(command));
    ASSERT_TRUE(child.ok());
    EXPECT_EQ(getpgid(child->pid()), child->pid());
    char text[16] = {};
    ASSERT_GT(read(pipe_ends[0], text, sizeof text - 1), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    if (waits) {
      EXPECT_TRUE(child->wait().ok());
    } else {
      child->kill_all();
    }
    EXPECT_TRUE(ends(std::atoi(text)));
  }
}

TEST(ChildProcess, SignalsAreIgnoredAsHereUnlessItIsApart) {
  const auto ignored = [](bool is_apart) {
    ChildCommand command = shell("exec grep SigIgn /proc/self/status");
    command.is_apart = is_apart;
    const std::string text = hear(command).text;
    EXPECT_THAT(text, HasSubstr("SigIgn:\t"));
    return (std::stoull(text.substr(text.find('\t')), nullptr, 16) >> (SIGHUP - 1)) & 1U;
  };
  std::signal(SIGHUP, SIG_IGN);
  EXPECT_EQ(ignored(false), 1U);
  EXPECT_EQ(ignored(true), 0U);
  std::signal(SIGHUP, SIG_DFL);
  auto child = ChildProcess::start(shell("exec sleep 60"));
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(getpgid(child->pid()), getpgrp());
}

}  // namespace
}  // namespace lode
