// PromQL text to a checked syntax tree, by Prometheus' 3.x grammar. Pure, any thread.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "promql/ast.h"

namespace weir::promql {

// Trees deeper than this are refused: they would cost the evaluator's stack.
inline constexpr int kMaxDepth = 250;
// Longer texts are refused.
inline constexpr std::size_t kMaxQueryBytes = 1U << 20U;

// Errors are kInvalid in Prometheus' form, `1:5: parse error: ...`. A function that Prometheus has
// and this engine has not is refused by name.
Result<Expr> Parse(std::string_view query);

// A vector selector alone, as `match[]` parameters have it; its matchers.
Result<std::vector<model::Matcher>> ParseSelector(std::string_view text);

// The matchers of every selector in the expression: which series its value depends on.
std::vector<std::vector<model::Matcher>> SelectorsOf(const Expr& expr);

}  // namespace weir::promql
