// A server without sockets for tests: requests go in as text, answers come back as values.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/server.h"
#include "base/json.h"
#include "env/clock.h"
#include "env/random.h"
#include "kubestore/store.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::apiserver {

// Keeps what a handler sends.
class FakeWriter final : public net::ResponseWriter {
 public:
  net::Task<Status> Send(net::HttpResponse response) override {
    head = std::move(response);
    body = head.body;
    co_return Status();
  }
  net::Task<Status> Begin(net::HttpResponse response) override {
    head = std::move(response);
    begun = true;
    co_return Status();
  }
  net::Task<Status> Write(std::string chunk) override {
    body += chunk;
    if (on_write) on_write();
    if (gone) co_return Fail(Code::kUnavailable, "the client has gone");
    co_return Status();
  }
  net::Task<Status> End() override {
    ended = true;
    co_return Status();
  }
  bool closed() const override { return gone; }
  void OnClose(std::function<void()> callback) override { close = std::move(callback); }

  // The lines of a stream as JSON.
  std::vector<Json> Lines() const;

  net::HttpResponse head;
  std::string body;
  bool begun = false, ended = false, gone = false;
  std::function<void()> close;
  std::function<void()> on_write;
};

class TestServer {
 public:
  explicit TestServer(Options options = Options(), kubestore::Journal* journal = nullptr);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  struct Answer {
    int code = 0;
    net::Headers headers;
    std::string body;
    Json json;  // null where the body is no JSON
    std::vector<std::string> warnings;
  };
  // "GET /api/v1/pods"; the admin's token unless `headers` say otherwise.
  Answer Do(const std::string& request, const std::string& body = {}, net::Headers headers = {});
  // Starts a request and lets the loop run until nothing is left to do at once.
  std::shared_ptr<FakeWriter> Start(const std::string& request, net::Headers headers = {});
  void Settle();

  net::Loop loop;
  env::FakeClock clock;
  env::SeededRandom random{7};
  kubestore::NullJournal null_journal;
  kubestore::Store store;
  Server server;

 private:
  net::TaskGroup tasks_;
};

}  // namespace weir::apiserver
