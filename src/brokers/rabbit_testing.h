// For tests: a RabbitMQ broker of one's own, started as the image catalogue says, on a loopback
// address that nobody else has; ended with its last user. It speaks TLS as well: AMQP on port 5671,
// management on 15671, with a certificate of its own authority.
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
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
#include "net/tls.h"

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
    if (WriteCertificate()) Start();
  }
  ~RabbitServer() {
    Kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RabbitServer(const RabbitServer&) = delete;
  RabbitServer& operator=(const RabbitServer&) = delete;

  const std::string& address() const { return address_; }
  const std::string& ca_pem() const { return ca_pem_; }
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
  bool WriteCertificate() {
    const Time begin = Time(std::chrono::seconds(1'700'000'000));  // 2023, for fifty years
    constexpr Duration kLifetime = std::chrono::hours(24 * 365 * 50);
    const auto authority = net::MakeAuthority("test", begin, kLifetime);
    net::CertificateRequest request;
    request.common_name = "rabbitmq";
    request.ip_addresses = {address_};
    request.server = true;
    if (!authority) return false;
    ca_pem_ = authority->certificate_pem;
    const auto pair = net::IssueCertificate(*authority, request, begin, kLifetime);
    if (!pair) return false;
    std::ofstream(folder_ + "/ca.pem") << ca_pem_;
    std::ofstream(folder_ + "/cert.pem") << pair->certificate_pem;
    std::ofstream(folder_ + "/key.pem") << pair->key_pem;
    return true;
  }
  // What the catalogue's configuration lacks, as a shell script.
  static std::string TlsSetup() {
    std::string script = "cat >>\"$HOME/rabbitmq.conf\" <<X\nlisteners.ssl.1 = $POD_IP:5671\n";
    script += "management.ssl.ip = $POD_IP\nmanagement.ssl.port = 15671\n";
    for (const char* of : {"ssl_options", "management.ssl"}) {
      script += fmt::format("{}.cacertfile = $HOME/ca.pem\n", of);
      script += fmt::format("{}.certfile = $HOME/cert.pem\n", of);
      script += fmt::format("{}.keyfile = $HOME/key.pem\n", of);
    }
    return script + "X\n";
  }
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
      words.insert(words.end(),
                   {"sh", "-euc", GetString(entry, {"setup"}) + "\n" + TlsSetup() + "exec \"$@\"",
                    "sh", entry["command"][0].get<std::string>()});
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

  std::string folder_, address_, ca_pem_;
  pid_t pid_ = -1;
};

// The one broker of a test program, started by who needs it first: a start takes seconds.
inline RabbitServer& SharedRabbit() {
  static RabbitServer server;
  if (!server.running()) server.Start();
  return server;
}

}  // namespace weir::brokers
