// Client, transports and kubeconfig.
#include "client/client.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "client/line_splitter.h"
#include "net/testing.h"

namespace weir::client {
namespace {

using net::RunTask;

// Answers each request with the next of a list and remembers what was asked.
class ScriptedTransport final : public Transport {
 public:
  struct Answer {
    int status = 200;
    std::vector<std::string> pieces;
    Status end;
  };

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    const Answer answer = Next(std::move(request));
    if (!answer.end) co_return std::unexpected(answer.end.error());
    net::HttpResponse response;
    response.status = answer.status;
    for (const std::string& piece : answer.pieces) response.body += piece;
    co_return response;
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    const Answer answer = Next(std::move(request));
    net::HttpResponse response;
    response.status = answer.status;
    if (!head(response)) co_return Status();
    for (const std::string& piece : answer.pieces) {
      if (!chunk(piece)) co_return Status();
    }
    co_return answer.end;
  }

  std::deque<Answer> answers;
  std::vector<net::HttpRequest> asked;

 private:
  Answer Next(net::HttpRequest request) {
    asked.push_back(std::move(request));
    if (answers.empty()) return Answer{500, {"the script has ended"}, {}};
    Answer answer = answers.front();
    answers.pop_front();
    return answer;
  }
};

TEST(ResourceRef, Paths) {
  EXPECT_EQ(refs::kPods.Path("ns", "p", "log"), "/api/v1/namespaces/ns/pods/p/log");
  EXPECT_EQ(refs::kDeployments.Path("", ""), "/apis/apps/v1/deployments");
  EXPECT_EQ(refs::kNodes.Path("", "a/b"), "/api/v1/nodes/a%2Fb");
}

TEST(Client, AsksAsTheApiWantsIt) {
  net::Loop loop;
  ScriptedTransport transport;
  Client client(transport, "deployment-controller");
  for (int i = 0; i < 7; ++i) transport.answers.push_back({200, {R"({"kind":"X"})"}, {}});
  ListOptions options;
  options.label_selector = "app in (a,b)";
  Client::DeleteOptions deletion;
  deletion.grace_period_seconds = 0;
  deletion.propagation_policy = "Background";
  deletion.uid = "u";
  EXPECT_TRUE(RunTask(loop, client.Get(refs::kPods, "ns", "p", "status")));
  EXPECT_TRUE(RunTask(loop, client.List(refs::kPods, "", options)));
  EXPECT_TRUE(RunTask(loop, client.Create(refs::kPods, "ns", Json{{"a", 1}})));
  EXPECT_TRUE(RunTask(loop, client.Update(refs::kPods, "ns", "p", Json{{"a", 2}}, "status")));
  EXPECT_TRUE(
      RunTask(loop, client.Patch(refs::kPods, "ns", "p", PatchType::kStrategic, Json{{"a", 3}})));
  EXPECT_TRUE(RunTask(loop, client.Delete(refs::kPods, "ns", "p", deletion)));
  std::vector<std::string> lines;
  for (const net::HttpRequest& request : transport.asked) {
    EXPECT_EQ(request.Header("user-agent"), "deployment-controller");
    lines.push_back(request.method + " " + request.target + " " + request.Header("content-type") +
                    " " + request.body);
  }
  const std::vector<std::string> want = {
      "GET /api/v1/namespaces/ns/pods/p/status  ",
      "GET /api/v1/pods?labelSelector=app%20in%20%28a%2Cb%29  ",
      R"(POST /api/v1/namespaces/ns/pods?fieldManager=deployment-controller application/json {"a":1})",
      R"(PUT /api/v1/namespaces/ns/pods/p/status?fieldManager=deployment-controller application/json {"a":2})",
      R"(PATCH /api/v1/namespaces/ns/pods/p?fieldManager=deployment-controller application/strategic-merge-patch+json {"a":3})",
      R"(DELETE /api/v1/namespaces/ns/pods/p application/json {"apiVersion":"v1","gracePeriodSeconds":0,"kind":"DeleteOptions","preconditions":{"uid":"u"},"propagationPolicy":"Background"})",
  };
  EXPECT_EQ(lines, want);
}

TEST(Client, MapsStatusesToCodes) {
  const std::map<int, Code> cases = {
      {400, Code::kInvalid},     {401, Code::kForbidden},   {403, Code::kForbidden},
      {404, Code::kNotFound},    {408, Code::kTimeout},     {409, Code::kConflict},
      {410, Code::kNotFound},    {413, Code::kInvalid},     {415, Code::kInvalid},
      {422, Code::kInvalid},     {429, Code::kUnavailable}, {500, Code::kInternal},
      {503, Code::kUnavailable}, {504, Code::kTimeout}};
  net::Loop loop;
  ScriptedTransport transport;
  Client client(transport, "test");
  for (const auto& [status, code] : cases) {
    transport.answers.push_back({status, {R"({"kind":"Status","message":"why: so"})"}, {}});
    const auto answer = RunTask(loop, client.GetPath("/x"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), (Error{code, "why: so"})) << status;
  }
  transport.answers.push_back({500, {"plain text\n"}, {}});
  EXPECT_EQ(RunTask(loop, client.GetPath("/x")).error().message, "plain text");
  transport.answers.push_back({200, {"{"}, {}});
  EXPECT_FALSE(RunTask(loop, client.GetPath("/x")));
  transport.answers.push_back({0, {}, Fail(Code::kTimeout, "late")});
  EXPECT_EQ(RunTask(loop, client.GetPath("/x")).error(), (Error{Code::kTimeout, "late"}));
}

struct WatchCase {
  std::string name;
  ScriptedTransport::Answer answer;
  std::vector<std::string> events;
  std::optional<Code> error;
};

std::string EventLine(const std::string& type, const std::string& name) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name + "\"}}}\n";
}

TEST(Client, WatchesAndTellsHowTheWatchEnds) {
  const std::string gone =
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})";
  const std::vector<WatchCase> cases = {
      {"whole",
       {200,
        {EventLine("ADDED", "a") + EventLine("MODIFIED", "b") + EventLine("DELETED", "c") +
         EventLine("BOOKMARK", "d")},
        {}},
       {"0a", "1b", "2c", "3d"},
       std::nullopt},
      {"cut", {200, {"{\"type\":\"ADD", "ED\",\"object\":{}}\r\n\n"}, {}}, {"0"}, std::nullopt},
      {"stopped",
       {200, {EventLine("ADDED", "stop") + EventLine("ADDED", "never")}, {}},
       {"0stop"},
       std::nullopt},
      {"gone event", {200, {EventLine("ADDED", "a") + gone + "\n"}, {}}, {"0a"}, Code::kNotFound},
      {"gone answer", {410, {R"({"message":"too ", "x":1})", ""}, {}}, {}, Code::kNotFound},
      {"unavailable", {503, {"later"}, {}}, {}, Code::kUnavailable},
      {"broken off",
       {200, {EventLine("ADDED", "a")}, Fail(Code::kUnavailable, "broken off")},
       {"0a"},
       Code::kUnavailable},
      {"no JSON", {200, {"what\n"}, {}}, {}, Code::kInvalid},
      {"unknown type", {200, {EventLine("NEWS", "a")}, {}}, {}, Code::kInternal},
  };
  for (const WatchCase& c : cases) {
    net::Loop loop;
    ScriptedTransport transport;
    Client client(transport, "test");
    transport.answers.push_back(c.answer);
    std::vector<std::string> events;
    auto on_event = [&events](WatchEvent event) {
      const std::string name = GetString(event.object, {"metadata", "name"});
      events.push_back(std::to_string(static_cast<int>(event.type)) + name);
      return name != "stop";
    };
    const Status end = RunTask(loop, client.Watch(refs::kPods, "ns", {}, "7", on_event));
    EXPECT_EQ(events, c.events) << c.name;
    EXPECT_EQ(end.has_value(), !c.error.has_value()) << c.name;
    if (!end && c.error) {
      EXPECT_EQ(end.error().code, *c.error) << c.name;
    }
    EXPECT_EQ(transport.asked[0].target,
              "/api/v1/namespaces/ns/pods?watch=1&allowWatchBookmarks=true&resourceVersion=7");
  }
}

TEST(LineSplitter, GivesTheSameLinesForEverySplit) {
  const std::string text = "one\n\ntwo\r\nthree\nrest";
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      LineSplitter splitter(10);
      std::vector<std::string> lines;
      const auto take = [&lines](std::string_view line) {
        lines.emplace_back(line);
        return true;
      };
      for (const std::string& piece : {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) {
        EXPECT_EQ(splitter.Feed(piece, take), LineSplitter::Outcome::kMore);
      }
      EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
      EXPECT_TRUE(splitter.in_line());
    }
  }
}

TEST(LineSplitter, StopsAndRefusesLongLines) {
  LineSplitter splitter(5);
  EXPECT_EQ(splitter.Feed("a\nb\n", [](std::string_view) { return false; }),
            LineSplitter::Outcome::kStopped);
  const auto go_on = [](std::string_view) { return true; };
  EXPECT_EQ(splitter.Feed("12345", go_on), LineSplitter::Outcome::kMore);
  EXPECT_EQ(splitter.Feed("6", go_on), LineSplitter::Outcome::kTooLong);
}

net::Task<void> Handler(net::HttpRequest request, net::Peer peer, net::ResponseWriter& writer) {
  if (request.target == "/none") co_return;
  if (request.target == "/throw") throw std::runtime_error("bug");
  if (request.target == "/late") {
    co_await net::Sleep(std::chrono::hours(1));
    co_return;
  }
  if (request.target == "/endless") {
    Status status = co_await writer.Begin(net::HttpResponse::Text(200, ""));
    while (status) status = co_await writer.Write("tick");
    co_return;
  }
  net::HttpResponse response = net::HttpResponse::Text(201, request.body);
  response.headers["x-peer"] = peer.address;
  response.headers["x-auth"] = request.Header("authorization");
  std::ignore = co_await writer.Send(response);
}

TEST(InProcessTransport, CallsTheHandler) {
  net::Loop loop;
  const auto transport = MakeInProcessTransport(loop, Handler, "secret");
  net::HttpRequest request;
  request.method = "PUT";
  request.body = "hello";
  const auto response = RunTask(loop, transport->Do(request, std::chrono::seconds(5)));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->Header("x-peer"), "in-process");
  EXPECT_EQ(response->Header("x-auth"), "Bearer secret");
  for (const auto& [target, code] : std::map<std::string, Code>{
           {"/none", Code::kUnavailable}, {"/throw", Code::kInternal}, {"/late", Code::kTimeout}}) {
    request.target = target;
    const auto failed = RunTask(loop, transport->Do(request, std::chrono::milliseconds(10)));
    ASSERT_FALSE(failed) << target;
    EXPECT_EQ(failed.error().code, code) << target << failed.error().message;
  }
}

net::Task<void> StreamInto(Transport* transport, int limit, int* ticks, Status* end) {
  net::HttpRequest request;
  request.target = "/endless";
  auto head = [](const net::HttpResponse& response) { return response.status == 200; };
  auto chunk = [ticks, limit](std::string_view) { return ++*ticks != limit; };
  *end = co_await transport->Stream(request, std::chrono::milliseconds(1), head, chunk);
}

TEST(InProcessTransport, StreamsWithoutBufferUntilTheReaderStops) {
  net::Loop loop;
  const auto transport = MakeInProcessTransport(loop, Handler, "");
  net::TaskGroup group(loop, "reader");
  int ticks = 0;
  Status end = Fail(Code::kInternal, "not ended");
  group.Spawn(StreamInto(transport.get(), 1000, &ticks, &end));
  loop.Run();
  EXPECT_TRUE(end);
  EXPECT_EQ(ticks, 1000);
  // Cancelled from outside, in the midst of an endless stream that never has to wait.
  group.Spawn(StreamInto(transport.get(), -1, &ticks, &end));
  while (ticks < 5000) RunTask(loop, net::Yield());
  RunTask(loop, group.Stop());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kCancelled);
}

TEST(Kubeconfig, IsReadBackAsWritten) {
  ClusterAccess access;
  access.endpoint = {true, "127.0.0.1", 6443};
  access.ca_pem = "CA\n";
  access.certificate = {"CERT\n", "KEY\n"};
  access.token = "t: #";
  access.default_namespace = "demo";
  const auto no_files = [](const std::string& path) -> Result<std::string> {
    return Fail(Code::kNotFound, path);
  };
  const auto back = ParseKubeconfig(BuildKubeconfig("weir", access), "/x", no_files);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->endpoint.host, "127.0.0.1");
  EXPECT_EQ(back->endpoint.port, 6443);
  EXPECT_TRUE(back->endpoint.tls);
  EXPECT_EQ(back->ca_pem, "CA\n");
  EXPECT_EQ(back->certificate.key_pem, "KEY\n");
  EXPECT_EQ(back->token, "t: #");
  EXPECT_EQ(back->default_namespace, "demo");
  ClusterAccess plain;
  plain.endpoint.host = "::1";
  const auto bare = ParseKubeconfig(BuildKubeconfig("weir", plain), "/x", no_files);
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(bare->endpoint.host, "::1");
}

TEST(Kubeconfig, ReadsFilesAndNamesWhatIsWrong) {
  const auto files = [](const std::string& path) -> Result<std::string> {
    if (path == "/dir/ca.pem") return "CA";
    if (path == "/abs/token") return "tok\n";
    return Fail(Code::kNotFound, path + ": no such file");
  };
  const auto config = [](const std::string& cluster, const std::string& user) {
    return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
           "clusters: [{name: k, cluster: {" +
           cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
  };
  const auto good = ParseKubeconfig(
      config("server: 'https://h:1', certificate-authority: ca.pem", "tokenFile: /abs/token"),
      "/dir", files);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->ca_pem, "CA");
  EXPECT_EQ(good->token, "tok");
  const std::string server = "server: 'https://h:1'";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "expected a mapping"},
      {"a: [", "kubeconfig"},
      {"kind: Config", "current-context"},
      {"current-context: x", "no entry \"x\" in contexts"},
      {config("server: 'ftp://h'", ""), "server"},
      {config("server: 'https://h/k8s'", ""), "/k8s"},
      {config(server + ", certificate-authority: nope", ""), "/dir/nope: no such file"},
      {config(server + ", certificate-authority-data: '%'", ""), "not base64"},
      {config(server, "exec: {command: x}"), "exec"},
      {config(server, "auth-provider: {name: x}"), "auth-provider"},
      {config(server, "client-certificate-data: QQ=="), "go together"},
  };
  for (const auto& [text, want] : bad) {
    const auto access = ParseKubeconfig(text, "/dir", files);
    ASSERT_FALSE(access) << text;
    EXPECT_NE(access.error().message.find(want), std::string::npos) << access.error().message;
  }
}

}  // namespace
}  // namespace weir::client
