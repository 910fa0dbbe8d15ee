// Many watches of one ConfigMap over TLS, HTTP/1.1, and how long each change of it takes to all of
// them. For any Kubernetes API server, so that two can be compared.
//
//   bench_watchers SERVER CA-FILE TOKEN NAMESPACE NAME WATCHERS CHANGES
//
// Prints `ready` once all watches have shown the object, waits for a line on its standard input,
// makes the changes one after the other, and prints {"events", "median_ms", "p99_ms", "last_ms",
// "last_p99_ms"}: of all deliveries since their PATCH was sent, and of the last one of each change.
// Then it waits for another line.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "base/strings.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/tls.h"

namespace weir::bench {
namespace {

constexpr Duration kLimit = std::chrono::seconds(60);

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "bench_watchers: " << why << "\n";
  std::exit(1);
}

struct Arguments {
  net::Endpoint server;
  std::string ca_pem, token, path, name;
  std::size_t watchers = 0;
  std::size_t changes = 0;
};

Arguments Read(const std::vector<std::string>& words) {
  if (words.size() != 7) Die("expected SERVER CA-FILE TOKEN NAMESPACE NAME WATCHERS CHANGES");
  Arguments arguments;
  const auto url = net::ParseUrl(words[0]);
  if (!url) Die(url.error().message);
  arguments.server = url->endpoint;
  std::ifstream ca(words[1]);
  arguments.ca_pem.assign(std::istreambuf_iterator<char>(ca), {});
  arguments.token = words[2];
  arguments.path = "/api/v1/namespaces/" + words[3] + "/configmaps";
  arguments.name = words[4];
  arguments.watchers = static_cast<std::size_t>(ParseInt(words[5]).value_or(0));
  arguments.changes = static_cast<std::size_t>(ParseInt(words[6]).value_or(0));
  if (arguments.watchers == 0 || arguments.changes == 0) Die("expected numbers above 0");
  return arguments;
}

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double Quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(q * last)];
}

class Watchers {
 public:
  Watchers(net::Loop& loop, std::shared_ptr<net::TlsClientContext> tls, Arguments arguments)
      : loop_(loop),
        client_(loop, std::move(tls)),
        group_(loop, "watchers"),
        all_(loop),
        arguments_(std::move(arguments)),
        lines_(arguments_.watchers) {}

  net::Task<void> Run() {
    for (std::size_t i = 0; i < arguments_.watchers; ++i) group_.Spawn(Watch(i));
    co_await AllHave();
    std::cout << "ready" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    for (std::size_t change = 1; change <= arguments_.changes; ++change) {
      expected_ = change + 1;
      arrived_ = 0;
      sent_ = loop_.Monotonic();
      co_await Change(change);
      co_await AllHave();
      last_ms_.push_back(delivered_ms_.back());
    }
    std::cout << fmt::format(R"({{"events":{},"median_ms":{:.3f},"p99_ms":{:.3f},"last_ms":{:.3f},)"
                             R"("last_p99_ms":{:.3f}}})",
                             delivered_ms_.size(), Quantile(delivered_ms_, 0.5),
                             Quantile(delivered_ms_, 0.99), Quantile(last_ms_, 0.5),
                             Quantile(last_ms_, 0.99))
              << std::endl;
    std::getline(std::cin, line);
    std::_Exit(0);  // the watches end with it
  }

 private:
  net::HttpRequest Request(std::string method, std::string target) const {
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers["authorization"] = "Bearer " + arguments_.token;
    return request;
  }

  net::Task<void> Watch(std::size_t i) {
    const std::string target =
        arguments_.path + "?watch=1&fieldSelector=metadata.name%3D" + arguments_.name;
    const auto head = [](const net::HttpResponse& response) {
      if (response.status != 200) Die(fmt::format("a watch: status {}", response.status));
      return true;
    };
    const auto chunk = [this, i](std::string_view piece) {
      Count(i, piece);
      return true;
    };
    const Status ended =
        co_await client_.Stream(arguments_.server, Request("GET", target), kLimit, head, chunk);
    if (!ended && ended.error().code != Code::kCancelled) Die(ended.error().message);
    if (ended) Die("a watch ended");
  }

  // Each event is a line.
  void Count(std::size_t i, std::string_view piece) {
    const std::size_t before = lines_[i];
    lines_[i] += static_cast<std::size_t>(std::ranges::count(piece, '\n'));
    if (before >= expected_ || lines_[i] < expected_) return;
    if (expected_ > 1) delivered_ms_.push_back(Milliseconds(loop_.Monotonic() - sent_));
    if (++arrived_ == lines_.size()) all_.Notify();
  }

  net::Task<void> Change(std::size_t number) {
    net::HttpRequest request = Request("PATCH", arguments_.path + "/" + arguments_.name);
    request.headers["content-type"] = "application/merge-patch+json";
    request.body = fmt::format(R"({{"data":{{"changed":"{}"}}}})", number);
    const auto answer = co_await client_.Do(arguments_.server, request, kLimit);
    if (!answer) Die(answer.error().message);
    if (answer->status != 200) Die(fmt::format("PATCH: status {}", answer->status));
  }

  net::Task<void> AllHave() {
    while (arrived_ < lines_.size()) {
      const bool notified = co_await all_.WaitFor(kLimit);
      if (!notified) Die(fmt::format("{} of {} watches", arrived_, lines_.size()));
    }
  }

  net::Loop& loop_;
  net::HttpClient client_;
  net::TaskGroup group_;
  net::Signal all_;
  Arguments arguments_;
  std::vector<std::size_t> lines_;  // of each watch
  std::size_t expected_ = 1;        // lines that every watch is to have
  std::size_t arrived_ = 0;         // watches that have them
  Duration sent_{};
  std::vector<double> delivered_ms_, last_ms_;
};

int Main(const std::vector<std::string>& words) {
  const Arguments arguments = Read(words);
  const auto tls = net::TlsClientContext::Make(arguments.ca_pem, {}, false);
  if (!tls) Die(tls.error().message);
  net::Loop loop;
  Watchers watchers(loop, *tls, arguments);
  net::TaskGroup main(loop, "main");
  main.Spawn(watchers.Run());
  loop.Run();
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::Main({argv + 1, argv + argc}); }
