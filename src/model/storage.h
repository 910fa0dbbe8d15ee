// The waist of the metrics engine: scrape and rules write through Appender; PromQL reads through
// Queryable; metricsserver asks through Querier. tsdb implements the first two, engine the last.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"

namespace weir::model {

// Times are milliseconds since the Unix epoch, as in Prometheus.
struct Sample {
  std::int64_t time_ms = 0;
  double value = 0;
  bool operator==(const Sample&) const = default;
};

// The NaN that marks a series as gone (prometheus/model/value: StaleNaN), told apart by its bits.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002ULL;
inline double StaleMarker() { return std::bit_cast<double>(kStaleBits); }
inline bool IsStale(double v) { return std::bit_cast<std::uint64_t>(v) == kStaleBits; }

// What a commit changed: each series that got a sample, once. `vanished` ones got a stale marker,
// `created` ones had no sample before, `changed` ones have another value than before (created and
// vanished ones included, and those that come back after a stale marker).
struct Touched {
  Labels labels;
  bool created = false;
  bool vanished = false;
  bool changed = true;
};

struct CommitInfo {
  std::int64_t time_ms = 0;  // newest sample of the batch
  std::vector<Touched> series;
};

// One batch of writes. Nothing is visible before Commit. One batch at a time: tsdb has one writer.
// An Appender dropped without Commit changes nothing.
class Appender {
 public:
  virtual ~Appender() = default;
  // kInvalid for a sample older than the newest of its series ("out of order") or, at the same
  // time, of another value ("duplicate sample"); kUnavailable where a limit is reached (the error
  // names it). The batch stays usable.
  virtual Status Append(const Labels& labels, std::int64_t time_ms, double value) = 0;
  // Publishes the batch to readers and to the commit listener.
  virtual Status Commit() = 0;
};

struct SeriesData {
  Labels labels;
  std::vector<Sample> samples;  // ascending, stale markers included
};

// A reader's view. Select returns the series that match all matchers and have samples in
// [min_ms, max_ms], sorted by labels.
class Queryable {
 public:
  virtual ~Queryable() = default;
  virtual Result<std::vector<SeriesData>> Select(const std::vector<Matcher>& matchers,
                                                 std::int64_t min_ms,
                                                 std::int64_t max_ms) const = 0;
};

struct VectorSample {
  Labels labels;
  std::int64_t time_ms = 0;  // of the evaluation
  double value = 0;
  bool operator==(const VectorSample&) const = default;
};
using Vector = std::vector<VectorSample>;

struct Scalar {
  std::int64_t time_ms = 0;
  double value = 0;
  bool operator==(const Scalar&) const = default;
};

struct StringValue {
  std::int64_t time_ms = 0;
  std::string value;
  bool operator==(const StringValue&) const = default;
};

using Matrix = std::vector<SeriesData>;

using QueryValue = std::variant<Vector, Scalar, StringValue, Matrix>;

// Asks PromQL: the built-in engine at once, a remote Prometheus after a round trip. `done` is
// called exactly once, on the caller's loop thread, possibly before the call returns.
class Querier {
 public:
  virtual ~Querier() = default;
  virtual void Query(std::string query, Time at, std::function<void(Result<QueryValue>)> done) = 0;
  // The label sets of the series that match the selector and have samples since `start`
  // (Prometheus' /api/v1/series).
  virtual void Series(std::string selector, Time start,
                      std::function<void(Result<std::vector<Labels>>)> done) = 0;
};

}  // namespace weir::model
