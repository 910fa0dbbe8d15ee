// The time-series store: everything in memory, bounded by time and by a number of series. Written
// through NewAppender, read through model::Queryable. One thread (the loop's): a reader's result is
// a copy of its own, so that later writes never show in it. No log on disk: a restart forgets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/storage.h"
#include "tsdb/chunk.h"
#include "tsdb/index.h"

namespace weir::tsdb {

struct HeadOptions {
  // Reaching it refuses new series with kUnavailable; known ones go on.
  std::size_t max_series = 1'000'000;
  // Of one Select, as Prometheus' --query.max-samples; beyond it fails with kUnavailable.
  std::size_t max_select_samples = 50'000'000;
};

class Head final : public model::Queryable {
 public:
  explicit Head(HeadOptions options = {});
  ~Head() override;
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  // A new batch. The head outlives it. Should two batches be open at once, each is checked again
  // against the other's samples when it commits, and what has become out of order is dropped.
  std::unique_ptr<model::Appender> NewAppender();

  Result<std::vector<model::SeriesData>> Select(const std::vector<model::Matcher>& matchers,
                                                std::int64_t min_ms,
                                                std::int64_t max_ms) const override;

  // Called at the end of each Commit that changed anything, when readers see the batch already. It
  // may read, and open and commit batches itself. Replaces the last one.
  void SetCommitListener(std::function<void(const model::CommitInfo&)> listener);

  // Forgets all samples before `before_ms`, and series that have no other. Later samples that are
  // as old are refused. Never goes back.
  void Truncate(std::int64_t before_ms);

  struct Counters {
    std::size_t series = 0, chunks = 0;  // now
    std::uint64_t samples = 0;           // all below: since the start
    std::uint64_t series_created = 0, series_removed = 0;
    std::uint64_t out_of_order = 0, duplicates = 0, too_old = 0;
    std::uint64_t series_refused = 0;  // for max_series
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Series;
  class Batch;

  Series* FindSeries(std::uint64_t hash, const model::Labels& labels) const;
  Series* AddSeries(std::unique_ptr<Series> series);
  void RemoveSeries(const Postings& gone);

  HeadOptions options_;
  std::unordered_map<SeriesRef, std::unique_ptr<Series>> series_;
  SeriesRef next_ref_ = 0;
  std::unordered_multimap<std::uint64_t, SeriesRef> by_hash_;
  LabelIndex index_;
  std::int64_t oldest_ms_;  // what is older is forgotten
  std::uint64_t batches_ = 0;
  std::function<void(const model::CommitInfo&)> listener_;
  Counters counters_;
};

}  // namespace weir::tsdb
