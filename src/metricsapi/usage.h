// metrics.k8s.io: from a request for the usage of pods or nodes to PromQL, and from its results to
// the documents and tables. Pure functions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "metricsapi/answer.h"
#include "metricsapi/config.h"
#include "metricsapi/request.h"
#include "model/storage.h"

namespace weir::metricsapi {

// A pod or node that usage is asked for.
struct UsageObject {
  std::string ns;  // empty for nodes
  std::string name;
  Json labels = Json::object();
};

// The objects of a List document that a request's field selector leaves, in order of namespace and
// name.
std::vector<UsageObject> UsageObjects(const UsageRequest& request, const Json& list);

// Every word in the queries of pods' usage that may be the name of a series.
std::set<std::string, std::less<>> UsageWords(const ResourceRules& rules);

struct UsagePlan {
  std::string cpu_query;
  std::string memory_query;
  std::string cpu_label;  // the label whose value names the object
  std::string memory_label;
};

// The two queries for objects of one namespace, or for nodes. `names`: at least one.
Result<UsagePlan> PlanUsage(const ResourceRules& rules, bool nodes, const std::string& ns,
                            const std::vector<std::string>& names, const Resolver& resolve);

// By object: its samples.
struct Usage {
  std::map<std::string, model::Vector, std::less<>> cpu;
  std::map<std::string, model::Vector, std::less<>> memory;
};
// kInvalid where a result is no vector. NaN and what is negative counts as 0.
Result<Usage> ReadUsage(const UsagePlan& plan, const model::QueryValue& cpu,
                        const model::QueryValue& memory);

// The document for `objects`; those without CPU or without memory are left out. `usage` by
// namespace, under the empty one for nodes.
Reply AnswerUsage(const UsageRequest& request, const ResourceRules& rules,
                  const std::vector<UsageObject>& objects,
                  const std::map<std::string, Usage>& usage, Time now, const Options& options);

// There is no such pod or node.
Reply UsageObjectMissing(const UsageRequest& request);
// A list could not be made.
Reply UsageFailed(std::string_view message);

}  // namespace weir::metricsapi
