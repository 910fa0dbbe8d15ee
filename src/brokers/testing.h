// For tests: a redis-server of one's own on a free loopback port, ended with the test.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "brokers/redis.h"
#include "net/tcp.h"
#include "net/testing.h"

namespace weir::brokers {

class RedisServer {
 public:
  // Starts on a port that was free a moment ago; tries another where somebody was faster.
  explicit RedisServer(net::Loop& loop, std::vector<std::string> flags = {})
      : loop_(loop), flags_(std::move(flags)) {
    std::string pattern = "/tmp/weir-redis-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return;
    folder_ = pattern;
    for (int tries = 0; tries < 5 && pid_ < 0; ++tries) {
      port_ = FreePort(loop_);
      Start();
    }
  }
  ~RedisServer() {
    Kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  bool running() const { return pid_ > 0; }
  RedisOptions options() const {
    RedisOptions options;
    options.port = port_;
    return options;
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Starts (again) on the same port and waits until it answers.
  void Start() {
    std::vector<std::string> argv = {"setpriv",    "--pdeathsig", "KILL",   "redis-server",
                                     "--bind",     "127.0.0.1",   "--port", std::to_string(port_),
                                     "--dir",      folder_,       "--save", "",
                                     "--loglevel", "warning"};
    argv.insert(argv.end(), flags_.begin(), flags_.end());
    pid_ = Spawn(std::move(argv), folder_ + "/log");
    Redis client(loop_, options());
    const RedisCommand ping{"PING"};
    for (int tries = 0; tries < 500 && pid_ > 0; ++tries) {
      const auto reply = net::RunTask(loop_, client.Do(ping));
      if (reply || reply.error().code == Code::kForbidden ||
          reply.error().message.find("NOAUTH") != std::string::npos) {
        return;
      }
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      net::RunTask(loop_, net::Sleep(std::chrono::milliseconds(10)));
    }
  }
  // SIGKILL, and gone when it returns.
  void Kill() { End(SIGKILL); }
  void Signal(int number) const { kill(pid_, number); }

  static std::uint16_t FreePort(net::Loop& loop) {
    net::TcpListener probe(loop, "127.0.0.1", 0, [](std::unique_ptr<net::TcpStream>) {});
    const bool started = probe.Start().has_value();
    net::RunTask(loop, probe.Stop());
    return started ? probe.port() : std::uint16_t{0};
  }

  // A program with output to a file; -1 where it cannot be started.
  static pid_t Spawn(std::vector<std::string> arguments, const std::string& log) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = -1;
    if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }

 private:
  void End(int number) {
    if (pid_ <= 0) return;
    kill(pid_, number);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  net::Loop& loop_;
  std::vector<std::string> flags_;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace weir::brokers
