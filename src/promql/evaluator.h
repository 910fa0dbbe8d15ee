// A checked expression's value at an instant or along a range, by Prometheus' 3.x rules: left-open
// windows, 5 minutes of lookback, stale markers end a series. Pure: everything is read from the
// Queryable given, at the time given. Any thread that may call the Queryable.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "base/time.h"
#include "model/storage.h"
#include "promql/ast.h"

namespace weir::promql {

struct EvalOptions {
  Duration lookback = std::chrono::minutes(5);
  // Of subqueries that name no step: Prometheus' global evaluation interval.
  Duration default_step = std::chrono::minutes(1);
  // What a query may hold and do; beyond, it fails with an error that names the limit.
  std::size_t max_samples = 50'000'000;
  std::size_t max_steps = 20'000'000;  // nodes of the tree evaluated, subqueries' repeats included
  // Metric names are dropped at the end instead of by each operation
  // (--enable-feature=promql-delayed-name-removal; Prometheus' test scripts assume it).
  bool delayed_name_removal = false;
};

// Errors are kInvalid in Prometheus' words (`found duplicate series for the match group ...`), or
// the Queryable's. A vector's elements stand in the order Prometheus gives them; a matrix is sorted
// by labels.
Result<model::QueryValue> Evaluate(const Expr& expr, Time at, const model::Queryable& storage,
                                   const EvalOptions& options = {});

// One point for each step from start to end that has a value; sorted by labels. kInvalid for an
// expression that is neither scalar nor instant vector.
Result<model::Matrix> EvaluateRange(const Expr& expr, Time start, Time end, Duration step,
                                    const model::Queryable& storage,
                                    const EvalOptions& options = {});

}  // namespace weir::promql
