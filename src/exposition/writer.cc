#include "exposition/writer.h"

#include <utility>

#include "base/strings.h"

namespace weir::exposition {
namespace {

std::string_view TextTypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
    case MetricType::kHistogram:
    case MetricType::kSummary:
    case MetricType::kGauge:
      return TypeName(type);
    case MetricType::kInfo:
    case MetricType::kStateset:
      return "gauge";
    case MetricType::kGaugeHistogram:
      return "histogram";
    case MetricType::kUnknown:
      return "untyped";
  }
  return "untyped";
}

void AppendEscaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\' || (c == '"' && quotes)) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

void Writer::Family(std::string_view name, std::string_view help, MetricType type) {
  family_ = name;
  if (!help.empty()) {
    page_.append("# HELP ").append(name).append(" ");
    AppendEscaped(page_, help, false);
    page_ += '\n';
  }
  page_.append("# TYPE ").append(name).append(" ").append(TextTypeName(type)).append("\n");
}

void Writer::Sample(std::string_view suffix, const model::Labels& labels, double value,
                    std::optional<std::int64_t> time_ms) {
  page_.append(family_).append(suffix);
  char separator = '{';
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    page_ += separator;
    page_.append(label.name).append("=\"");
    AppendEscaped(page_, label.value, true);
    page_ += '"';
    separator = ',';
  }
  if (separator == ',') page_ += '}';
  page_.append(" ").append(FormatDouble(value));
  if (time_ms) page_.append(" ").append(std::to_string(*time_ms));
  page_ += '\n';
}

std::string Writer::Take() {
  family_.clear();
  return std::exchange(page_, {});
}

}  // namespace weir::exposition
