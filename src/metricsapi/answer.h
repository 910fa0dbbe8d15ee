// From a metrics request to PromQL, and from its result to the API's document. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kube/resource.h"
#include "metricsapi/catalog.h"
#include "metricsapi/request.h"
#include "model/storage.h"

namespace weir::metricsapi {

struct Options {
  // NaN, infinities and values beyond int64 thousandths as prometheus-adapter prints them on
  // amd64. Otherwise NaN is no value (unknown is not zero) and the others are the ends of the
  // range.
  bool upstream_exact = false;
};

struct Plan {
  std::string query;
  std::string label;  // custom: the label whose value names the object
};

// The query for one request. `names` are the objects that a custom request is about, at least one.
// Errors: kNotFound where there is no such metric, kInvalid where no query can be made of it.
Result<Plan> MakePlan(const MetricRequest& request, const std::vector<std::string>& names,
                      const Catalog& catalog, const Resolver& resolve);

// `kind` is the resource that a custom request resolved to.
Reply AnswerCustom(const MetricRequest& request, const Plan& plan,
                   const std::vector<std::string>& names, const kube::Resource& kind,
                   const Result<model::QueryValue>& result, Time now, const Options& options);
Reply AnswerExternal(const MetricRequest& request, const Result<model::QueryValue>& result,
                     const Options& options);

// `the server could not find the metric M for R`, with the object's name where it alone has none.
Reply MetricNotFound(const MetricRequest& request, bool with_name);
Reply FetchFailed();
Reply ListFailed();

// A sample's value in thousandths; nullopt where it is no value. `external`: custom metrics alone
// look for NaN.
std::optional<std::int64_t> MilliOf(double value, bool external, const Options& options);
// The same as a quantity.
std::optional<std::string> QuantityText(double value, bool external, const Options& options);

// `label="value"` as PromQL writes it.
std::string Matcher(std::string_view label, std::string_view op, std::string_view value);

}  // namespace weir::metricsapi
