// For tests: a RabbitMQ broker of one's own, started as the image catalogue says, on a loopback
// address that nobody else has; ended with its last user.
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "base/strings.h"
#include "base/yaml.h"
#include "brokers/amqp.h"
#include "brokers/testing.h"
#include "net/tcp.h"
#include "net/testing.h"

namespace weir::brokers {

class RabbitServer {
 public:
  RabbitServer() {
    std::string pattern = "/tmp/weir-rabbit-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return;
    folder_ = pattern;
    const unsigned pid = static_cast<unsigned>(getpid());
    address_ =
        fmt::format("127.{}.{}.{}", 200 + (pid >> 14U) % 50, (pid >> 7U) % 128, pid % 128 + 1);
    Start();
  }
  ~RabbitServer() {
    Kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RabbitServer(const RabbitServer&) = delete;
  RabbitServer& operator=(const RabbitServer&) = delete;

  const std::string& address() const { return address_; }
  AmqpOptions options() const {
    AmqpOptions options;
    options.host = address_;
    return options;
  }

  // Starts (again) and waits until it takes connections and answers over HTTP.
  void Start() {
    pid_ = RedisServer::Spawn(Command(), folder_ + "/log.txt");
    net::Loop loop;
    AmqpOptions amqp = options();
    amqp.connect_timeout = std::chrono::seconds(1);
    for (int tries = 0; tries < 1200 && pid_ > 0; ++tries) {
      Amqp client(loop, amqp);
      const bool up = net::RunTask(loop, client.Connect()).has_value();
      net::RunTask(loop, client.Stop());
      if (up && ServesHttp(loop)) return;
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      net::RunTask(loop, net::Sleep(std::chrono::milliseconds(100)));
    }
    std::stringstream log;
    log << std::ifstream(folder_ + "/log.txt").rdbuf();
    fmt::print(stderr, "rabbitmq did not start:\n{}\n", log.str());
  }
  bool running() const { return pid_ > 0; }
  // SIGKILL for the broker and its epmd, and gone when it returns.
  void Kill() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  void Signal(int number) const { kill(pid_, number); }

 private:
  // env -i NAME=VALUE... sh -euc SETUP sh PROGRAM, under a parent-death signal, in a process group
  // with its epmd.
  std::vector<std::string> Command() const {
    std::stringstream text;
    const auto source = std::filesystem::path(__FILE__).parent_path().parent_path();
    text << std::ifstream(source / "kubelet/data/images.yaml").rdbuf();
    const auto catalogue = ParseYamlDocument(text.str());
    std::vector<std::string> words = {"setsid", "setpriv", "--pdeathsig", "KILL", "env", "-i"};
    words.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    words.push_back("HOME=" + folder_);
    words.push_back("POD_IP=" + address_);
    if (!catalogue) return words;
    for (const Json& entry : GetArray(*catalogue, {"images"})) {
      const Json& images = GetArray(entry, {"image"});
      if (images.empty() || images[0] != "rabbitmq") continue;
      for (const auto& [name, value] : GetObject(entry, {"env"}).items()) {
        std::string filled = ReplaceAll(value.get<std::string>(), "${DATA_DIR}", folder_);
        words.push_back(name + "=" + ReplaceAll(filled, "${POD_IP}", address_));
      }
      words.insert(words.end(), {"sh", "-euc", GetString(entry, {"setup"}) + "\nexec \"$@\"", "sh",
                                 entry["command"][0].get<std::string>()});
    }
    return words;
  }
  static std::string ReplaceAll(std::string text, std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
      text.replace(at, what.size(), with);
      at += with.size();
    }
    return text;
  }
  bool ServesHttp(net::Loop& loop) const {
    const auto stream =
        net::RunTask(loop, net::TcpConnect(address_, 15672, std::chrono::seconds(1)));
    return stream.has_value();
  }

  std::string folder_, address_;
  pid_t pid_ = -1;
};

// The one broker of a test program, started by who needs it first: a start takes seconds.
inline RabbitServer& SharedRabbit() {
  static RabbitServer server;
  if (!server.running()) server.Start();
  return server;
}

}  // namespace weir::brokers
