// The implementation of test_server.h, in a file of tests so that the library has none of it.
#include "apiserver/test_server.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace weir::apiserver {
namespace {

Options WithTestTokens(Options options) {
  for (auto& [token, user] : *ParseTokenFile("admintoken,kubernetes-admin,1,system:masters\n"
                                             "plaintoken,plain,2,plaingroup\n"
                                             "weirtoken,weir,3,\"system:masters,system:weir\"\n")) {
    options.tokens[token] = user;
  }
  return options;
}

net::Task<void> Serve(Server& server, net::HttpRequest request,
                      std::shared_ptr<FakeWriter> writer) {
  net::Peer peer;
  peer.address = "in-process";
  co_await server.Handle(std::move(request), std::move(peer), *writer);
}

net::Task<void> StopServer(Server& server) { co_await server.Stop(); }

}  // namespace

std::vector<Json> FakeWriter::Lines() const {
  std::vector<Json> lines;
  for (const std::string& line : Split(body, '\n')) {
    if (!line.empty()) lines.push_back(ParseJson(line).value_or(Json()));
  }
  return lines;
}

TestServer::TestServer(Options options, kubestore::Journal* journal)
    : store(journal != nullptr ? *journal : null_journal, {}),
      server(loop, clock, random, store, WithTestTokens(std::move(options))),
      tasks_(loop, "test") {
  EXPECT_TRUE(store.Load());
  const Status started = server.Start();
  EXPECT_TRUE(started) << (started ? "" : started.error().message);
}

TestServer::~TestServer() {
  tasks_.Spawn(StopServer(server));
  Settle();
  tasks_.Cancel();
  Settle();
}

void TestServer::Settle() {
  loop.context().restart();
  while (loop.context().poll() > 0) {
  }
}

std::shared_ptr<FakeWriter> TestServer::Start(const std::string& request, net::Headers headers) {
  const std::size_t blank = request.find(' ');
  net::HttpRequest http;
  http.method = request.substr(0, blank);
  http.target = request.substr(blank + 1);
  if (!headers.contains("authorization")) headers["authorization"] = "Bearer admintoken";
  if (headers["authorization"].empty()) headers.erase("authorization");
  http.body = headers["body"];
  headers.erase("body");
  http.headers = std::move(headers);
  auto writer = std::make_shared<FakeWriter>();
  tasks_.Spawn(Serve(server, std::move(http), writer));
  Settle();
  return writer;
}

TestServer::Answer TestServer::Do(const std::string& request, const std::string& body,
                                  net::Headers headers) {
  headers["body"] = body;
  const auto writer = Start(request, std::move(headers));
  Answer answer{writer->head.status, writer->head.headers, writer->body, Json(), {}};
  answer.json = ParseJson(writer->body).value_or(Json());
  const auto warning = writer->head.headers.find("warning");
  if (warning != writer->head.headers.end()) answer.warnings = Split(warning->second, '\n');
  return answer;
}

}  // namespace weir::apiserver
