// The Manager against a stand-in API server in process and a real page server on loopback.
#include "scrape/manager.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <set>

#include "base/strings.h"
#include "base/yaml.h"
#include "net/testing.h"
#include "tsdb/head.h"

namespace weir::scrape {
namespace {

// Answers LIST from a map, keeps each watch open and sends it what Put and Delete announce.
class StandIn final : public client::Transport {
 public:
  explicit StandIn(net::Loop& loop) : news(loop), loop_(loop) {}

  void Put(const std::string& path, std::string_view yaml) {
    Json object = *ParseYamlDocument(yaml);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    const std::string key = client::KeyOf(object);
    const bool known = lists_[path].contains(key);
    lists_[path][key] = object;
    Announce(path, known ? "MODIFIED" : "ADDED", std::move(object));
  }

  void Delete(const std::string& path, const std::string& key) {
    Json object = lists_[path].at(key);
    lists_[path].erase(key);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    Announce(path, "DELETED", std::move(object));
  }

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    if (request.method != "GET") {
      created.push_back(*ParseJson(request.body));
      news.Notify();
      co_return net::HttpResponse::JsonText(201, request.body);
    }
    Json items = Json::array();
    for (const auto& [key, object] : lists_[std::string(request.Path())]) items.push_back(object);
    const Json list{{"kind", "XList"},
                    {"apiVersion", "v1"},
                    {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                    {"items", items}};
    co_return net::HttpResponse::JsonText(200, DumpJson(list));
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    Watch watch(loop_);
    watch.path = request.Path();
    watches_.insert(&watch);
    head(net::HttpResponse::JsonText(200, ""));
    bool open = true;
    while (open) {
      if (const bool woken = co_await watch.more.Wait(); !woken) break;
      for (const std::string& line : std::exchange(watch.lines, {})) open = open && chunk(line);
    }
    watches_.erase(&watch);
    co_return Fail(Code::kCancelled, "the watch was cancelled");
  }

  std::vector<Json> created;
  net::Signal news;

 private:
  struct Watch {
    explicit Watch(net::Loop& loop) : more(loop) {}
    std::string path;
    std::vector<std::string> lines;
    net::Signal more;
  };

  void Announce(const std::string& path, std::string_view type, Json object) {
    const Json event{{"type", type}, {"object", std::move(object)}};
    for (Watch* watch : watches_) {
      if (watch->path != path) continue;
      watch->lines.push_back(DumpJson(event) + "\n");
      watch->more.Notify();
    }
  }

  net::Loop& loop_;
  std::map<std::string, std::map<std::string, Json>> lists_;
  std::set<Watch*> watches_;
  int version_ = 0;
};

constexpr const char* kMonitors = "/apis/monitoring.coreos.com/v1/servicemonitors";
constexpr const char* kServices = "/api/v1/services";
constexpr const char* kSlices = "/apis/discovery.k8s.io/v1/endpointslices";

class ManagerTest : public ::testing::Test {
 protected:
  ManagerTest()
      : api_(loop_),
        client_(api_, "test"),
        informers_(loop_, client_, random_),
        pages_(loop_, net::HttpServerOptions(),
               [this](net::HttpRequest, net::Peer, net::ResponseWriter& writer) {
                 return Serve(writer);
               }),
        manager_(loop_, clock_, random_, client_, informers_,
                 [this] { return head_.NewAppender(); }) {
    EXPECT_TRUE(pages_.Start());
    manager_.SetHopListener([this](const ScrapeReport& report) {
      reports_.push_back(report);
      api_.news.Notify();
    });
    api_.Put(kServices, "{metadata: {name: web, namespace: shop, labels: {app: web}}}");
    PutSlice("127.0.0.1");
  }

  ~ManagerTest() override {
    net::RunTask(loop_, manager_.Stop());
    net::RunTask(loop_, informers_.Stop());
    net::RunTask(loop_, pages_.Stop(Duration::zero()));
  }

  void Start() {
    manager_.Start();
    informers_.Start();
  }

  net::Task<void> Serve(net::ResponseWriter& writer) {
    net::HttpResponse response = net::HttpResponse::Text(200, "a 1\n");
    response.headers["content-type"] = "text/plain";
    std::ignore = co_await writer.Send(std::move(response));
  }

  void PutSlice(const std::string& address) {
    api_.Put(
        kSlices,
        "{metadata: {name: web-x, namespace: shop, labels: {kubernetes.io/service-name: web}}, "
        "addressType: IPv4, ports: [{name: http, port: " +
            std::to_string(pages_.port()) + "}], endpoints: [{addresses: [" + address + "]}]}");
  }

  void PutMonitor(const std::string& endpoint) {
    api_.Put(kMonitors,
             "{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: m, "
             "namespace: shop, uid: u}, spec: {selector: {matchLabels: {app: web}}, endpoints: [" +
                 endpoint + "]}}");
  }

  // Every news of the API server or of a scrape tries the condition again.
  net::Task<void> Until(std::function<bool()> done) {
    while (!done()) {
      std::ignore = co_await api_.news.WaitFor(std::chrono::milliseconds(20));
    }
  }
  void WaitUntil(std::function<bool()> done) { net::RunTask(loop_, Until(std::move(done))); }

  std::size_t Targets() { return manager_.counters().scraper.targets; }

  env::FakeClock clock_;
  env::SeededRandom random_{1};
  net::Loop loop_;
  tsdb::Head head_;
  std::vector<ScrapeReport> reports_;
  StandIn api_;
  client::Client client_;
  client::SharedInformers informers_;
  net::HttpServer pages_;
  Manager manager_;
};

TEST_F(ManagerTest, FollowsTheCluster) {
  Start();
  PutMonitor("{port: http, interval: 1h}");
  WaitUntil([&] { return reports_.size() == 1; });
  EXPECT_EQ(reports_[0].pool, "serviceMonitor/shop/m/0");
  EXPECT_EQ(reports_[0].labels.Get("service"), "web");
  EXPECT_EQ(reports_[0].error, "");

  PutSlice("127.0.0.2");  // another address: the old target goes, the new one is scraped at once
  WaitUntil([&] { return reports_.size() == 2; });
  EXPECT_TRUE(reports_[1].labels.Get("instance").starts_with("127.0.0.2:"));
  EXPECT_EQ(Targets(), 1U);

  api_.Delete(kMonitors, "shop/m");
  WaitUntil([&] { return Targets() == 0; });
  const auto up = head_.Select({*model::Matcher::Make(model::MatchType::kEqual, "__name__", "up")},
                               0, std::numeric_limits<std::int64_t>::max());
  ASSERT_EQ(up->size(), 2U);
  for (const model::SeriesData& series : *up) {
    EXPECT_TRUE(model::IsStale(series.samples.back().value)) << series.labels.ToString();
  }
}

TEST_F(ManagerTest, TellsWhyAMonitorIsNotScraped) {
  PutMonitor("{port: http, oauth2: {}}");
  Start();
  WaitUntil([&] { return api_.created.size() == 1; });
  const Json& event = api_.created[0];
  EXPECT_EQ(GetString(event, "reason"), "InvalidConfiguration");
  EXPECT_EQ(GetString(event, "type"), "Warning");
  EXPECT_EQ(GetString(event, "message"),
            "the ServiceMonitor is not scraped: spec.endpoints[0].oauth2 is not supported");
  EXPECT_EQ(GetString(event, {"involvedObject", "name"}), "m");
  EXPECT_EQ(manager_.counters().refused_monitors, 1U);

  const std::uint64_t plans = manager_.counters().plans;
  PutSlice("127.0.0.3");  // planned again, not told again
  WaitUntil([&] { return manager_.counters().plans > plans; });
  PutMonitor("{port: http, interval: 1h}");
  WaitUntil([&] { return Targets() == 1; });
  EXPECT_EQ(api_.created.size(), 1U);
  EXPECT_EQ(manager_.counters().refused_monitors, 0U);
}

TEST_F(ManagerTest, ScrapesListsOfAddressesToo) {
  StaticTargets list;
  list.job = "static";
  list.addresses = {"127.0.0.1:" + std::to_string(pages_.port())};
  list.settings.interval = std::chrono::hours(1);
  manager_.AddStatic(list);
  Start();
  WaitUntil([&] { return reports_.size() == 1; });
  EXPECT_EQ(reports_[0].labels.Get("job"), "static");
  PutMonitor("{port: http, interval: 1h}");
  WaitUntil([&] { return reports_.size() == 2; });
  EXPECT_EQ(Targets(), 2U);
}

}  // namespace
}  // namespace weir::scrape
