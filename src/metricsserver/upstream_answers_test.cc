// What prometheus-adapter asked Prometheus for each of many rules, what it answered, and which
// configurations it refused, where such records are at hand: in $WEIR_UPSTREAM_DIR/goldens/data.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "base/yaml.h"
#include "client/fake_api.h"
#include "kube/resource.h"
#include "kube/selector.h"
#include "metricsserver/server.h"
#include "net/testing.h"
#include "platform/system.h"
#include "promql/evaluator.h"
#include "promql/memory_storage.h"
#include "promql/parser.h"

namespace weir::metricsserver {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// PromQL over a map, that remembers what it was asked.
class Recorder final : public model::Querier {
 public:
  void Query(std::string query, Time at,
             std::function<void(Result<model::QueryValue>)> done) override {
    queries.push_back(query);
    const auto expr = promql::Parse(query);
    if (!expr) return done(std::unexpected(expr.error()));
    done(promql::Evaluate(*expr, at, storage));
  }

  void Series(std::string selector, Time start,
              std::function<void(Result<std::vector<model::Labels>>)> done) override {
    discovered.insert(selector);
    const auto matchers = promql::ParseSelector(selector);
    if (!matchers) return done(std::unexpected(matchers.error()));
    std::vector<model::Labels> found;
    for (const auto& one : *storage.Select(*matchers, ToUnixMillis(start), 1LL << 60)) {
      found.push_back(one.labels);
    }
    done(std::move(found));
  }

  promql::MemoryStorage storage;
  std::vector<std::string> queries;
  std::set<std::string> discovered;
};

// The stand-in API server with lists by label.
class SelectingApi final : public client::Transport {
 public:
  explicit SelectingApi(client::FakeApi& api) : api_(api) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration timeout) override {
    std::string selector;
    for (const auto& [name, value] : net::ParseQuery(request.Query())) {
      if (name == "labelSelector") selector = value;
    }
    auto response = co_await api_.Do(std::move(request), timeout);
    if (!response || selector.empty()) co_return response;
    Json list = ParseJson(response->body).value();
    const auto labels = kube::LabelSelector::Parse(selector).value();
    Json kept = Json::array();
    for (const Json& item : GetArray(list, {"items"})) {
      if (labels.Matches(GetObject(item, {"metadata", "labels"}))) kept.push_back(item);
    }
    list["items"] = kept;
    response->body = DumpJson(list);
    co_return response;
  }
  net::Task<Status> Stream(net::HttpRequest request, Duration timeout, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    co_return co_await api_.Stream(std::move(request), timeout, std::move(head), std::move(chunk));
  }

 private:
  client::FakeApi& api_;
};

// As Python's json.dumps.
std::string Spaced(const Json& value) {
  if (!value.is_structured()) return DumpJson(value);
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += DumpJson(Json(key)) + ": ";
    text += Spaced(item);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::string Sorted(std::vector<std::string> items, std::string_view separator) {
  std::sort(items.begin(), items.end());
  return Join(items, separator);
}

// The records' short form of an answer.
std::string Short(const net::HttpResponse& response) {
  const auto body = ParseJson(response.body);
  if (!body) return "(not served)";
  const std::string kind = GetString(*body, "kind");
  if (kind == "Status") return GetString(*body, "message");
  std::vector<std::string> items;
  const auto add = [&items](const Json& item) {
    if (item.contains("describedObject")) {
      items.push_back(GetString(item, {"describedObject", "kind"}) + "/" +
                      GetString(item, {"describedObject", "name"}) + "=" +
                      GetString(item, "value"));
    } else if (item.contains("metricLabels")) {
      items.push_back(Spaced(item["metricLabels"]) + "=" + GetString(item, "value"));
    } else if (item.contains("usage")) {
      items.push_back(GetString(item, {"metadata", "name"}) + "=" + Spaced(item["usage"]));
    } else if (item.contains("containers")) {
      Json containers = Json::array();
      for (const Json& one : item["containers"]) {
        containers.push_back(Json::array({one["name"], one["usage"]}));
      }
      items.push_back(GetString(item, {"metadata", "name"}) + "=" + Spaced(containers));
    } else if (item.contains("verbs")) {
      items.push_back(GetString(item, "name") +
                      (item["namespaced"].get<bool>() ? "" : " (not namespaced)"));
    }
  };
  if (kind == "APIResourceList") {
    for (const Json& item : GetArray(*body, {"resources"})) add(item);
    return items.empty() ? "(none)" : Sorted(items, ", ");
  }
  if (!body->contains("items")) add(*body);
  for (const Json& item : GetArray(*body, {"items"})) add(item);
  return items.empty() ? "(no items)" : Sorted(items, "; ");
}

std::string Encoded(const std::string& path) {
  const std::size_t question = path.find('?');
  if (question == std::string::npos) return path;
  const std::size_t equals = path.find('=', question);
  return path.substr(0, equals + 1) + PercentEncode(path.substr(equals + 1));
}

class UpstreamAnswers : public testing::Test {
 protected:
  UpstreamAnswers() : api_(loop_), selecting_(api_), client_(selecting_, "test") {}
  ~UpstreamAnswers() override { Stop(); }

  void SetUp() override {
    folder_ = platform::GetEnv("WEIR_UPSTREAM_DIR") + "/goldens/data";
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "no records below WEIR_UPSTREAM_DIR";
    const auto pod = [this](const std::string& ns, const std::string& name, const char* app) {
      api_.Put("/api/v1/namespaces/" + ns + "/pods",
               {{"metadata", {{"name", name}, {"labels", {{"app", app}}}}}});
    };
    pod("ns1", "web-0", "web");
    pod("ns1", "web-1", "web");
    pod("ns1", "other", "");
    pod("default", "qp", "qp");
    api_.Put("/api/v1/nodes", {{"metadata", {{"name", "node-1"}}}});
  }

  metricsapi::Resolver Resolve() {
    return [this](std::string_view group, std::string_view name) {
      return group.empty() ? registry_.ResolveAnyGroup(name) : registry_.Resolve(group, name);
    };
  }

  // `name{a="b"} 3`, with that value for the last minutes.
  void Load(const std::string& line) {
    const std::size_t blank = line.rfind(' ');
    std::vector<model::Label> labels;
    for (const model::Matcher& matcher : promql::ParseSelector(line.substr(0, blank)).value()) {
      labels.push_back({matcher.name(), matcher.value()});
    }
    const model::Labels series(std::move(labels));
    for (int ago = 300; ago >= 0; ago -= 5) {
      querier_.storage.Add(series, ToUnixMillis(clock_.Now() - std::chrono::seconds(ago)),
                           ParseDouble(line.substr(blank + 1)).value());
    }
  }

  void Serve(const std::string& config) {
    Stop();
    querier_.discovered.clear();
    server_ =
        std::make_unique<Server>(loop_, clock_, random_, client_, querier_, Resolve(), Options());
    const Status set = server_->SetConfig("file", config);
    ASSERT_TRUE(set) << set.error().message;
    server_->Start();
    while (server_->counters().relists == 0) loop_.context().poll_one();
  }
  void Stop() {
    if (server_) net::RunTask(loop_, server_->Stop());
    server_.reset();
  }

  net::HttpResponse Get(const std::string& path) {
    querier_.queries.clear();
    net::HttpRequest request;
    request.target = Encoded(path);
    net::SentResponse response;
    net::RunTask(loop_, server_->Handle(request, response));
    return response.sent;
  }

  std::string folder_;
  kube::Registry registry_{false};
  net::Loop loop_;
  env::FakeClock clock_;
  env::SeededRandom random_{1};
  client::FakeApi api_;
  SelectingApi selecting_;
  client::Client client_;
  Recorder querier_;
  std::unique_ptr<Server> server_;
};

TEST_F(UpstreamAnswers, QueriesAndAnswersAreTheSame) {
  std::map<std::string, std::vector<std::vector<std::string>>> rows;
  for (const std::string& line : Split(ReadFile(folder_ + "/adapter-queries.tsv"), '\n')) {
    if (line.empty() || line.starts_with("#")) continue;
    std::vector<std::string> columns = Split(line, '\t');
    columns.resize(6);
    rows[columns[0]].push_back(columns);
  }
  // Ours refuses what upstream finds out when it is asked.
  const std::set<std::string> refused = {"unknown-template-field"};
  const Json rules = ParseYamlDocument(ReadFile(folder_ + "/adapter-queries.yaml")).value();
  for (const Json& rule : rules) {
    for (const Json& line : GetArray(rule, {"series"})) Load(line.get<std::string>());
  }
  for (const Json& rule : rules) {
    const std::string id = GetString(rule, "id");
    const std::string config = GetString(rule, "config");
    if (refused.contains(id)) {
      EXPECT_FALSE(metricsapi::ParseConfig(config, Resolve())) << id;
      continue;
    }
    Serve(config);
    std::set<std::string> discovery;
    for (const auto& row : rows[id]) {
      const bool volumes =
          row[2].contains("persistentvolumes/") || row[5].contains("persistentvolumes/");
      if (volumes && registry_.ResolveAnyGroup("persistentvolumes") == nullptr) continue;
      if (row[1] == "discover") {
        discovery.insert(row[4]);
        continue;
      }
      const net::HttpResponse response = Get(row[2]);
      EXPECT_EQ(std::to_string(response.status), row[3]) << id << " " << row[2];
      EXPECT_EQ(Sorted(querier_.queries, " ;; "), row[4]) << id << " " << row[2];
      EXPECT_EQ(Short(response), row[5]) << id << " " << row[2];
    }
    for (const std::string& query : querier_.discovered) {
      EXPECT_TRUE(discovery.contains(query)) << id << ": " << query;
    }
  }
}

TEST_F(UpstreamAnswers, RefusedConfigurationsAreRefusedInTheSameWords) {
  // The YAML reader's own words for a text that ends too early.
  const std::set<std::string> other_words = {"not-yaml"};
  const Json cases = ParseYamlDocument(ReadFile(folder_ + "/adapter-errors.yaml")).value();
  for (const Json& one : cases) {
    if (one.contains("flags")) continue;  // not a matter of the file
    const std::string id = GetString(one, "id");
    const auto config = metricsapi::ParseConfig(GetString(one, "config"), Resolve());
    ASSERT_FALSE(config) << id;
    if (other_words.contains(id)) continue;
    EXPECT_EQ(config.error().message, Trim(GetString(one, "stderr"))) << id;
  }
}

}  // namespace
}  // namespace weir::metricsserver
