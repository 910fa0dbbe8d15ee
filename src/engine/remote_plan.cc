#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "engine/api_plan.h"

// What a Prometheus server answers, read back.
namespace weir::engine {
namespace {

Error Broken(std::string_view what) {
  return {Code::kUnavailable, fmt::format("bad_response: {}", what)};
}

// The data of a successful answer. Prometheus answers with a document also on 400, 422 and 503.
Result<Json> Data(int status, std::string_view body) {
  const bool document =
      (status >= 200 && status < 300) || status == 400 || status == 422 || status == 503;
  if (!document) {
    return std::unexpected(Broken(fmt::format("unknown response code {}", status)));
  }
  auto json = ParseJson(body);
  if (!json) return std::unexpected(Broken(json.error().message));
  if (GetString(*json, "status") == "error") {
    return Fail(status == 503 ? Code::kUnavailable : Code::kInvalid,
                GetString(*json, "errorType") + ": " + GetString(*json, "error"));
  }
  const Json* data = Find(*json, "data");
  if (data == nullptr || data->is_null()) return std::unexpected(Broken("no data"));
  return *data;
}

std::optional<model::Labels> ReadLabels(const Json& metric) {
  if (!metric.is_object()) return std::nullopt;
  std::vector<model::Label> labels;
  for (const auto& [name, value] : metric.items()) {
    if (!value.is_string()) return std::nullopt;
    labels.push_back({name, value.get<std::string>()});
  }
  return model::Labels(std::move(labels));
}

// `[time, "value"]`
std::optional<model::Sample> ReadPoint(const Json& point) {
  if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_string()) {
    return std::nullopt;
  }
  const auto value = ParseDouble(point[1].get<std::string>());
  const double seconds = point[0].get<double>();
  if (!value || !(std::fabs(seconds) < 9e12)) return std::nullopt;
  return model::Sample{static_cast<std::int64_t>(std::round(seconds * 1000)), *value};
}

std::optional<model::Vector> ReadVector(const Json& result) {
  model::Vector vector;
  for (const Json& item : result) {
    const auto labels = ReadLabels(GetObject(item, {"metric"}));
    const auto point = ReadPoint(GetArray(item, {"value"}));
    if (!labels || !point) return std::nullopt;
    vector.push_back({*labels, point->time_ms, point->value});
  }
  return vector;
}

std::optional<model::Matrix> ReadMatrix(const Json& result) {
  model::Matrix matrix;
  for (const Json& item : result) {
    const auto labels = ReadLabels(GetObject(item, {"metric"}));
    if (!labels) return std::nullopt;
    model::SeriesData series{*labels, {}};
    for (const Json& pair : GetArray(item, {"values"})) {
      const auto point = ReadPoint(pair);
      if (!point) return std::nullopt;
      series.samples.push_back(*point);
    }
    matrix.push_back(std::move(series));
  }
  return matrix;
}

}  // namespace

Result<model::QueryValue> ParseQueryAnswer(int status, std::string_view body) {
  auto data = Data(status, body);
  if (!data) return std::unexpected(data.error());
  const std::string type = GetString(*data, "resultType");
  const Json& result = GetArray(*data, {"result"});
  if (type == "vector") {
    if (auto vector = ReadVector(result)) return model::QueryValue(std::move(*vector));
  } else if (type == "matrix") {
    if (auto matrix = ReadMatrix(result)) return model::QueryValue(std::move(*matrix));
  } else if (type == "scalar") {
    if (const auto point = ReadPoint(result)) {
      return model::QueryValue(model::Scalar{point->time_ms, point->value});
    }
  } else if (type == "string" && result.size() == 2 && result[1].is_string()) {
    return model::QueryValue(model::StringValue{0, result[1].get<std::string>()});
  }
  return std::unexpected(Broken(fmt::format("cannot read a result of type {}", Quote(type))));
}

Result<std::vector<model::Labels>> ParseSeriesAnswer(int status, std::string_view body) {
  auto data = Data(status, body);
  if (!data) return std::unexpected(data.error());
  if (!data->is_array()) return std::unexpected(Broken("series are no list"));
  std::vector<model::Labels> series;
  for (const Json& item : *data) {
    auto labels = ReadLabels(item);
    if (!labels) return std::unexpected(Broken("a series is no set of labels"));
    series.push_back(std::move(*labels));
  }
  return series;
}

}  // namespace weir::engine
