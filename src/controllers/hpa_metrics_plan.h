// The metrics APIs as the HPA controller reads them: which path a request has, and what an answer
// says, in the words of client-go's metrics clients. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "autoscale/observations.h"
#include "base/json.h"
#include "base/result.h"

namespace weir::controllers {

// The version of custom.metrics.k8s.io to ask for, by the group's discovery document: the preferred
// one where it is known, else the first known one. kNotFound where there is none.
Result<std::string> CustomMetricsVersion(const Json& api_group);

// `resource`: plural and group of the described object ("services", "ingresses.networking.k8s.io").
// The version is that of custom.metrics.k8s.io; other requests ignore both.
std::string MetricPath(const autoscale::MetricRequest& request, const std::string& resource,
                       const std::string& version);

// What client-go calls the thing that was asked for: "queue.external.metrics.k8s.io".
std::string MetricSubject(const autoscale::MetricRequest& request, const std::string& resource);

// An answer as it came.
struct RawAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};

// Why an answer of another status than 2xx failed. Where it holds no Status object (a proxy's page,
// an aggregator without a backend) client-go words it by the HTTP status and names the subject,
// where there is one.
std::string FailureText(const RawAnswer& answer, const std::string& subject);

// Reads an answer. Its result has an error where it is not what was asked for.
autoscale::MetricResult ReadMetricAnswer(const autoscale::MetricRequest& request,
                                         const std::string& subject, const RawAnswer& answer);

// Why a scale that was read cannot be used: client-go's scale client reads the selector too.
std::optional<std::string> ScaleError(const Json& scale);

}  // namespace weir::controllers
