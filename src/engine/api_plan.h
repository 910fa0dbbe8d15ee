// Prometheus' HTTP API (v1), the part that this program serves, as a function: a request's path and
// parameters to an answer. JSON shapes, error types and messages are Prometheus'.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/rule_runner_plan.h"
#include "model/storage.h"
#include "promql/evaluator.h"

namespace weir::engine {

struct ApiReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

struct ApiRequest {
  std::string method;
  std::string path;                                             // percent-encoded
  std::vector<std::pair<std::string, std::string>> parameters;  // of query and form, decoded
};

// GET and POST /api/v1/query, /api/v1/query_range, /api/v1/series, /api/v1/labels; GET
// /api/v1/label/NAME/values, /api/v1/rules, /-/ready, /-/healthy. `now` stands in for an absent
// time.
ApiReply AnswerApi(const ApiRequest& request, Time now, const model::Queryable& storage,
                   const RuleRunner& rules, const promql::EvalOptions& options);

// `{"resultType":...,"result":...}`, the data of an answer.
std::string ResultDocument(const model::QueryValue& value);

// Reads the answer of a Prometheus server to /api/v1/query and to /api/v1/series.
Result<model::QueryValue> ParseQueryAnswer(int status, std::string_view body);
Result<std::vector<model::Labels>> ParseSeriesAnswer(int status, std::string_view body);

}  // namespace weir::engine
