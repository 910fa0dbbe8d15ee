#include "controllers/hpa_fetch.h"

#include <utility>

#include "controllers/hpa_metrics_plan.h"
#include "controllers/hpa_plan.h"
#include "kube/strategy.h"

namespace weir::controllers {
namespace {

constexpr int kWriteTries = 5;
constexpr Duration kWriteDelay = std::chrono::milliseconds(10);

std::string NoMatch(std::string_view group, std::string_view kind) {
  return "no matches for kind \"" + std::string(kind) + "\" in group \"" + std::string(group) +
         "\"";
}

RawAnswer Raw(const net::HttpResponse& response) {
  return {response.status, response.Header("content-type"), response.body};
}

// Why there is no scale; none where there is one.
std::optional<std::string> ReadScaleAnswer(const Result<net::HttpResponse>& answer, Json& scale) {
  if (!answer) return answer.error().message;
  if (answer->status != 200) return FailureText(Raw(*answer), "");
  Result<Json> document = ParseJson(answer->body);
  if (!document) return document.error().message;
  scale = *std::move(document);
  return ScaleError(scale);
}

autoscale::MetricResult Failed(std::string error) {
  autoscale::MetricResult result;
  result.error = std::move(error);
  return result;
}

}  // namespace

HpaFetch::HpaFetch(client::Client& client, const env::Clock& clock, ResolveFn resolve,
                   Options options)
    : client_(client), clock_(clock), resolve_(std::move(resolve)), options_(options) {}

std::string HpaFetch::ResourceName(const std::string& group, const std::string& kind) const {
  const kube::Resource* resource = resolve_(group, kind);
  return resource != nullptr ? resource->GroupResource() : "";
}

HpaFetch::Target HpaFetch::FindTarget(const autoscale::HpaSpec& spec, const std::string& ns) const {
  Target target;
  const Result<std::string> group = autoscale::GroupOf(spec.target_api_version);
  if (!group) {
    target.error = group.error().message;
    target.error_context = "invalid API version in scale target reference";
    return target;
  }
  // The version is not looked at: any that the group serves gives the same scale.
  const kube::Resource* resource = resolve_(*group, spec.target_kind);
  if (resource == nullptr) {
    target.error = NoMatch(*group, spec.target_kind);
    target.error_context = "unable to determine resource for scale target reference";
    return target;
  }
  target.kind = resource;
  target.resource = client::ResourceRef{resource->group, resource->version, resource->plural};
  target.path =
      ScalePath(resource->group, resource->version, resource->plural, ns, spec.target_name);
  return target;
}

std::shared_ptr<const Json> HpaFetch::ScaleOf(const Target& target, const Json& object) {
  Result<Json> scale = kube::ToScale(*target.kind, object);
  if (!scale || ScaleError(*scale)) return nullptr;
  return std::make_shared<const Json>(*std::move(scale));
}

bool HpaFetch::TargetDiffers(const Json& before, const Json& after) const {
  if (GetObject(before, {"spec"}) != GetObject(after, {"spec"})) return true;
  const Result<std::string> group = autoscale::GroupOf(GetString(after, "apiVersion"));
  const kube::Resource* kind = group ? resolve_(*group, GetString(after, "kind")) : nullptr;
  if (kind == nullptr) return false;
  const Result<Json> old_scale = kube::ToScale(*kind, before);
  const Result<Json> scale = kube::ToScale(*kind, after);
  if (!old_scale || !scale) return old_scale.has_value() != scale.has_value();
  return GetObject(*old_scale, {"spec"}) != GetObject(*scale, {"spec"}) ||
         GetObject(*old_scale, {"status"}) != GetObject(*scale, {"status"});
}

net::Task<HpaFetch::Target> HpaFetch::ReadTarget(Target target, std::string description) {
  const Result<net::HttpResponse> answer = co_await client_.GetRaw(target.path);
  Json scale;
  target.error = ReadScaleAnswer(answer, scale);
  target.scale = std::make_shared<const Json>(std::move(scale));
  if (target.error) {
    target.error_context = "failed to query scale subresource for " + description;
  }
  co_return target;
}

net::Task<Result<Json>> HpaFetch::WriteScale(Target target, std::int32_t replicas) {
  Json scale = *target.scale;
  for (int tries = 1;; ++tries) {
    Ensure(scale, {"spec"})["replicas"] = replicas;
    Result<Json> written = co_await client_.Send("PUT", target.path, scale);
    if (written || written.error().code != Code::kConflict || tries == kWriteTries) {
      co_return written;
    }
    if (const bool slept = co_await net::Sleep(kWriteDelay); !slept) co_return written;
    Result<Json> again = co_await client_.GetPath(target.path);
    if (!again) co_return again;
    scale = *std::move(again);
  }
}

net::Task<Result<std::string>> HpaFetch::CustomVersion() {
  const Duration now = clock_.Monotonic();
  if (!custom_version_.empty() && now < custom_version_until_) co_return custom_version_;
  const Result<Json> group = co_await client_.GetPath("/apis/custom.metrics.k8s.io");
  if (!group && group.error().code == Code::kNotFound) {
    co_return Fail(Code::kNotFound, "no custom metrics API (custom.metrics.k8s.io) registered");
  }
  if (!group && group.error().code == Code::kUnavailable) {
    // Registered, and nobody serves it: discovery lists no version.
    co_return CustomMetricsVersion(Json::object());
  }
  if (!group) co_return std::unexpected(group.error());
  Result<std::string> version = CustomMetricsVersion(*group);
  if (version) {
    custom_version_ = *version;
    custom_version_until_ = now + options_.version_lasts;
  }
  co_return version;
}

net::Task<autoscale::MetricResult> HpaFetch::ReadMetric(autoscale::MetricRequest request) {
  std::string resource;
  std::string version;
  if (request.api == autoscale::MetricsApi::kCustom) {
    resource = ResourceName(request.group, request.kind);
    const bool itself = request.ns.empty();  // a namespace: needs no mapping
    if (resource.empty() && !itself) {
      const std::string kind = request.kind + (request.group.empty() ? "" : "." + request.group);
      co_return Failed("unable to map kind " + kind +
                       " to resource: " + NoMatch(request.group, request.kind));
    }
    const Result<std::string> chosen = co_await CustomVersion();
    if (!chosen) co_return Failed(chosen.error().message);
    version = *chosen;
  }
  const std::string path = MetricPath(request, resource, version);
  if (clock_.Monotonic() >= answers_until_) ForgetAnswers();
  if (const auto known = answers_.find(path); known != answers_.end()) co_return known->second;
  const std::uint64_t moment = moment_;
  const Result<net::HttpResponse> answer = co_await client_.GetRaw(path);
  if (!answer) co_return Failed(answer.error().message);
  autoscale::MetricResult result =
      ReadMetricAnswer(request, MetricSubject(request, resource), Raw(*answer));
  // What was asked before a change may be from before it.
  if (options_.answers_last > Duration(0) && moment == moment_) {
    if (answers_.empty()) answers_until_ = clock_.Monotonic() + options_.answers_last;
    answers_.emplace(path, result);
  }
  co_return result;
}

void HpaFetch::ForgetAnswers() {
  answers_.clear();
  ++moment_;
}

net::Task<std::vector<autoscale::MetricResult>> HpaFetch::ReadMetrics(
    std::vector<autoscale::MetricRequest> requests, std::size_t count) {
  std::vector<autoscale::MetricResult> results(count);
  for (const autoscale::MetricRequest& request : requests) {
    const std::size_t index = request.index;
    results[index] = co_await ReadMetric(request);
  }
  co_return results;
}

}  // namespace weir::controllers
