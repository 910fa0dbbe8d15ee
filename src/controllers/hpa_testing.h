// For tests of the HPA controller: an API server that is a table of documents, and a fixture around
// the controller. The autoscaler is shop/web, its target the Deployment shop/web.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "controllers/hpa_controller.h"

namespace weir::controllers {

inline constexpr std::string_view kHpas = "/apis/autoscaling/v2/horizontalpodautoscalers";
inline constexpr std::string_view kHpa =
    "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web";
inline constexpr std::string_view kScale = "/apis/apps/v1/namespaces/shop/deployments/web/scale";

// GET answers from `raw` and `documents`, by path without query; a watch tells what Push says.
// Writes are listed in `writes`, and those of the scale and the status take effect.
class FakeApi final : public client::Transport {
 public:
  explicit FakeApi(net::Loop& loop) : loop_(loop) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    const std::string path(request.Path());
    if (request.method == "GET") {
      gets.push_back(path);
      const auto held = held_.find(path);
      if (held != held_.end()) {
        if (const bool released = co_await held->second->Wait(); !released) {
          co_return Fail(Code::kCancelled, "cancelled");
        }
      }
      co_return Get(path);
    }
    const Json body = ParseJson(request.body).value_or(Json());
    if (path.find("/events") != std::string::npos) {
      if (request.method == "POST") {
        events.push_back(GetString(body, "type") + " " + GetString(body, "reason") + " " +
                         GetString(body, "message"));
      }
      co_return net::HttpResponse::JsonText(201, request.body);
    }
    co_return Write(path, body);
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    const std::string path(request.Path());
    net::HttpResponse response;
    head(response);
    auto& watch = watches_[path];
    if (!watch) watch = std::make_unique<Watch>(loop_);
    Watch& mine = *watch;
    for (bool woken = co_await mine.news.Wait(); woken; woken = co_await mine.news.Wait()) {
      while (!mine.lines.empty()) {
        const std::string line = mine.lines.front();
        mine.lines.erase(mine.lines.begin());
        if (!chunk(line)) co_return Status();
      }
    }
    co_return Fail(Code::kCancelled, "cancelled");
  }

  // A GET of the path is answered once it is released, one each time.
  void Hold(std::string_view path) {
    held_[std::string(path)] = std::make_unique<net::Signal>(loop_);
  }
  void Release(std::string_view path) { held_.find(std::string(path))->second->Notify(); }

  // Sets a document and tells the watch of `list` about it.
  void Push(std::string_view list, const std::string& type, Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    auto& watch = watches_[std::string(list)];
    if (!watch) watch = std::make_unique<Watch>(loop_);
    watch->lines.push_back(DumpJson({{"type", type}, {"object", std::move(object)}}) + "\n");
    watch->news.Notify();
  }

  std::map<std::string, Json> documents;
  std::map<std::string, net::HttpResponse> raw;
  std::map<std::string, std::pair<int, std::string>> failures;  // path -> next writes' answer
  int failures_left = 0;
  std::vector<std::string> gets;
  std::vector<std::string> writes;
  std::vector<std::string> events;

 private:
  struct Watch {
    explicit Watch(net::Loop& loop) : news(loop) {}
    net::Signal news;
    std::vector<std::string> lines;
  };

  net::HttpResponse Get(const std::string& path) {
    const auto answer = raw.find(path);
    if (answer != raw.end()) return answer->second;
    const auto document = documents.find(path);
    if (document != documents.end()) {
      return net::HttpResponse::JsonText(200, DumpJson(document->second));
    }
    // A list that nobody filled.
    if (path.ends_with("/pods") || path.ends_with("/deployments")) {
      return net::HttpResponse::JsonText(200, R"({"items":[],"metadata":{"resourceVersion":"1"}})");
    }
    return net::HttpResponse::JsonText(
        404, R"({"kind":"Status","status":"Failure","message":"not here"})");
  }

  net::HttpResponse Write(const std::string& path, const Json& body) {
    const auto failure = failures.find(path);
    if (failure != failures.end() && failures_left > 0) {
      --failures_left;
      writes.push_back("refused " + path);
      const Json status = {{"kind", "Status"}, {"message", failure->second.second}};
      return net::HttpResponse::JsonText(failure->second.first, DumpJson(status));
    }
    Json stored = body;
    stored["metadata"]["resourceVersion"] = std::to_string(++version_);
    if (path == kScale) {
      const std::int64_t replicas = GetInt(body, {"spec", "replicas"}, -1);
      writes.push_back("scale " + std::to_string(replicas));
      stored["status"]["replicas"] = replicas;
      documents[path] = stored;
    } else if (path == std::string(kHpa) + "/status") {
      std::string text = "status desired " +
                         std::to_string(GetInt(body, {"status", "desiredReplicas"}, -1)) + " of " +
                         std::to_string(GetInt(body, {"status", "currentReplicas"}, 0));
      writes.push_back(std::move(text));
      documents[std::string(kHpa)] = stored;
    } else {
      writes.push_back("unexpected " + path);
    }
    return net::HttpResponse::JsonText(200, DumpJson(stored));
  }

  net::Loop& loop_;
  std::map<std::string, std::unique_ptr<Watch>> watches_;
  std::map<std::string, std::unique_ptr<net::Signal>> held_;
  std::int64_t version_ = 100;
};

// Deployments and, for described objects, Pods and Services.
inline const kube::Resource* ResolveForTest(std::string_view group, std::string_view kind) {
  const auto make = [](const std::string& of_group, std::string plural, std::string of_kind) {
    kube::Resource resource;
    resource.group = of_group;
    resource.version = "v1";
    resource.plural = std::move(plural);
    resource.kind = std::move(of_kind);
    if (of_group == "apps") resource.subresources.emplace_back("scale");
    return resource;
  };
  static const kube::Resource kFleets = [&make] {
    kube::Resource resource = make("example.com", "fleets", "Fleet");
    resource.crd_name = "fleets.example.com";
    resource.subresources.emplace_back("scale");
    resource.scale_paths = {{"specReplicasPath", ".spec.size"},
                            {"statusReplicasPath", ".status.count"},
                            {"labelSelectorPath", ".status.chosen"}};
    return resource;
  }();
  static const std::vector<kube::Resource> kResources = {make("apps", "deployments", "Deployment"),
                                                         make("", "pods", "Pod"),
                                                         make("", "services", "Service"), kFleets};
  for (const kube::Resource& resource : kResources) {
    if (resource.group == group && resource.kind == kind) return &resource;
  }
  return nullptr;
}

inline Json ScaleOf(int spec, int status) {
  Json scale = {{"apiVersion", "autoscaling/v1"}, {"kind", "Scale"}};
  scale["metadata"] = {{"namespace", "shop"}, {"name", "web"}, {"resourceVersion", "7"}};
  scale["spec"] = {{"replicas", spec}};
  scale["status"] = {{"replicas", status}, {"selector", "app=web"}};
  return scale;
}

// An autoscaler without status whose one metric is `metric`.
inline Json HpaOf(Json metric) {
  Json hpa = {{"apiVersion", "autoscaling/v2"}, {"kind", "HorizontalPodAutoscaler"}};
  hpa["metadata"] = {
      {"namespace", "shop"}, {"name", "web"}, {"uid", "u1"}, {"resourceVersion", "5"}};
  hpa["spec"] = {{"minReplicas", 0}, {"maxReplicas", 20}};
  hpa["spec"]["scaleTargetRef"] = {
      {"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}};
  hpa["spec"]["metrics"] = Json::array({std::move(metric)});
  return hpa;
}

class HpaFixture : public ::testing::Test {
 protected:
  // `others`: further autoscalers, whose statuses go nowhere.
  void Begin(Json hpa, HpaOptions options = {}, const std::vector<Json>& others = {}) {
    hpa_ = std::move(hpa);
    Json list = {{"kind", "HorizontalPodAutoscalerList"}, {"apiVersion", "autoscaling/v2"}};
    list["metadata"] = {{"resourceVersion", "5"}};
    list["items"] = Json::array({hpa_});
    for (const Json& other : others) list["items"].push_back(other);
    api_.documents[std::string(kHpas)] = std::move(list);
    api_.documents[std::string(kHpa)] = hpa_;
    informers_ = std::make_unique<client::SharedInformers>(loop_, client_, random_);
    controller_ = std::make_unique<HpaController>(loop_, clock_, random_, client_, *informers_,
                                                  ResolveForTest, std::move(options));
    controller_->SetDecisionListener(
        [this](const ScaleDecision& decision) { decisions_.push_back(decision); });
    controller_->Start();
    informers_->Start();
  }

  void TearDown() override { End(); }

  void End() {
    if (!controller_) return;
    bool stopped = false;
    net::TaskGroup group(loop_, "test");
    group.Spawn(StopController(&stopped));
    ASSERT_TRUE(Until([&] { return stopped && group.running() == 0; }));
    controller_.reset();
    informers_.reset();
  }

  net::Task<void> StopController(bool* stopped) {
    co_await controller_->Stop();
    co_await informers_->Stop();
    *stopped = true;
  }

  // Runs the loop until the condition holds; false after far too long.
  bool Until(const std::function<bool()>& condition) {
    for (int i = 0; i < 200'000 && !condition(); ++i) {
      if (loop_.context().stopped()) loop_.context().restart();
      loop_.context().run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }

  // Runs until so many passes have ended and all events of theirs are recorded.
  bool Passes(std::uint64_t count) {
    return Until([&] { return controller_->counters().reconciles >= count; }) && Settle();
  }

  // Runs what is ready, and what that makes ready; not for ever where each pass is late for the
  // next.
  bool Settle() {
    for (int i = 0; i < 500; ++i) {
      if (loop_.context().stopped()) loop_.context().restart();
      for (int ready = 0; ready < 10 && loop_.context().poll_one() > 0; ++ready) {
      }
    }
    return true;
  }

  const Json& Status() { return *Find(api_.documents[std::string(kHpa)], "status"); }

  net::Loop loop_;
  env::FakeClock clock_;
  env::SeededRandom random_{1};
  FakeApi api_{loop_};
  client::Client client_{api_, "horizontal-pod-autoscaler"};
  std::unique_ptr<client::SharedInformers> informers_;
  std::unique_ptr<HpaController> controller_;
  std::vector<ScaleDecision> decisions_;
  Json hpa_;
};

}  // namespace weir::controllers
