// Writes metrics pages in Prometheus' text format 0.0.4. Pure, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exposition/parser.h"
#include "model/labels.h"

namespace weir::exposition {

inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";

// Family, then its samples, then the next family; each family once.
class Writer {
 public:
  // `# HELP` and `# TYPE` lines. `help` may be empty: then only the type is written.
  void Family(std::string_view name, std::string_view help, MetricType type);
  // One sample of the last family; `suffix` is `_total`, `_bucket` and the like, or empty. A
  // __name__ among the labels is left out.
  void Sample(std::string_view suffix, const model::Labels& labels, double value,
              std::optional<std::int64_t> time_ms = std::nullopt);
  void Sample(const model::Labels& labels, double value) { Sample({}, labels, value); }

  // The page so far; the writer is empty after.
  std::string Take();

 private:
  std::string page_;
  std::string family_;
};

}  // namespace weir::exposition
