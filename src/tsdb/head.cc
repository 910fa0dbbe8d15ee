#include "tsdb/head.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"

namespace weir::tsdb {
namespace {

// As Prometheus: long enough to compress, short enough to skip and to forget.
constexpr std::uint32_t kSamplesPerChunk = 120;

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

struct Head::Series {
  SeriesRef ref = 0;
  std::uint64_t hash = 0;
  model::Labels labels;
  std::vector<Chunk> chunks;  // oldest first; the last one is open; never empty once committed
  ChunkWriter writer;
  int pins = 0;  // open batches that hold a pointer to it
  // Where the batch of this number keeps the series.
  std::uint64_t batch = 0;
  std::size_t entry = 0;

  model::Sample Newest() const { return {chunks.back().end_ms, writer.last_value()}; }

  // Whether a new chunk was begun.
  bool Append(model::Sample sample) {
    if (!chunks.empty() && chunks.back().count < kSamplesPerChunk) {
      writer.Append(chunks.back(), sample);
      return false;
    }
    if (!chunks.empty()) chunks.back().bits.shrink_to_fit();
    chunks.push_back(writer.Begin(sample));
    return true;
  }

  void Read(std::int64_t min_ms, std::int64_t max_ms, std::vector<model::Sample>& out) const {
    auto chunk = std::lower_bound(chunks.begin(), chunks.end(), min_ms,
                                  [](const Chunk& c, std::int64_t t) { return c.end_ms < t; });
    for (; chunk != chunks.end() && chunk->start_ms <= max_ms; ++chunk) {
      if (out.empty()) out.reserve(chunk->count);
      ChunkReader reader(*chunk);
      model::Sample sample;
      while (reader.Next(sample) && sample.time_ms <= max_ms) {
        if (sample.time_ms >= min_ms) out.push_back(sample);
      }
    }
  }
};

class Head::Batch final : public model::Appender {
 public:
  Batch(Head& head, std::uint64_t number) : head_(head), number_(number) {}
  ~Batch() override { Clear(); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  Status Append(const model::Labels& labels, std::int64_t time_ms, double value) override;
  Status Commit() override;

 private:
  struct Entry {
    Series* series;                 // null for a series that the head does not know yet
    std::unique_ptr<Series> fresh;  // that series
    bool has_newest = false;
    model::Sample newest;
    bool touched = false;
    bool created = false;
    bool changed = false;
  };
  struct Pending {
    std::size_t entry;
    model::Sample sample;
  };

  Result<std::size_t> EntryOf(const model::Labels& labels);
  std::size_t AddEntry(Series* known, std::unique_ptr<Series> fresh);
  // Adds fresh series to the head and samples to series.
  void Publish(model::CommitInfo& info);
  void Clear();

  Head& head_;
  const std::uint64_t number_;
  std::vector<Entry> entries_;
  std::vector<Pending> pending_;
  std::unordered_multimap<std::uint64_t, std::size_t> fresh_;  // hash -> entry
};

Status Head::Batch::Append(const model::Labels& labels, std::int64_t time_ms, double value) {
  if (labels.empty()) return Fail(Code::kInvalid, "a series has no labels");
  if (time_ms < head_.oldest_ms_) {
    ++head_.counters_.too_old;
    return Fail(Code::kInvalid,
                fmt::format("out of bounds: the sample of {} at {} is older than what is kept, {}",
                            labels.ToString(), time_ms, head_.oldest_ms_));
  }
  Result<std::size_t> place = EntryOf(labels);
  if (!place) return std::unexpected(place.error());
  Entry& entry = entries_[*place];
  if (entry.has_newest && time_ms < entry.newest.time_ms) {
    ++head_.counters_.out_of_order;
    return Fail(Code::kInvalid, fmt::format("out of order: the sample of {} at {} is older than {}",
                                            labels.ToString(), time_ms, entry.newest.time_ms));
  }
  if (entry.has_newest && time_ms == entry.newest.time_ms) {
    if (SameBits(value, entry.newest.value)) return {};
    ++head_.counters_.duplicates;
    return Fail(Code::kInvalid, fmt::format("duplicate sample: {} has another value at {} already",
                                            labels.ToString(), time_ms));
  }
  entry.newest = {time_ms, value};
  entry.has_newest = true;
  pending_.push_back({*place, entry.newest});
  return {};
}

Result<std::size_t> Head::Batch::EntryOf(const model::Labels& labels) {
  const std::uint64_t hash = labels.Hash();
  if (Series* known = head_.FindSeries(hash, labels)) {
    return known->batch == number_ ? known->entry : AddEntry(known, nullptr);
  }
  const auto [first, last] = fresh_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (entries_[it->second].fresh->labels == labels) return it->second;
  }
  if (head_.counters_.series + fresh_.size() >= head_.options_.max_series) {
    ++head_.counters_.series_refused;
    return Fail(Code::kUnavailable,
                fmt::format("the limit of {} series (max_series) is reached: {} is refused",
                            head_.options_.max_series, labels.ToString()));
  }
  auto series = std::make_unique<Series>();
  series->hash = hash;
  series->labels = labels;
  const std::size_t place = AddEntry(nullptr, std::move(series));
  fresh_.emplace(hash, place);
  return place;
}

std::size_t Head::Batch::AddEntry(Series* known, std::unique_ptr<Series> fresh) {
  Entry entry{.series = known, .fresh = std::move(fresh), .newest = {}};
  if (known != nullptr) {
    entry.newest = known->Newest();
    entry.has_newest = true;
    known->batch = number_;
    known->entry = entries_.size();
    ++known->pins;
  }
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void Head::Batch::Publish(model::CommitInfo& info) {
  for (Entry& entry : entries_) {
    if (entry.series != nullptr) continue;
    entry.series = head_.FindSeries(entry.fresh->hash, entry.fresh->labels);
    if (entry.series == nullptr) {
      entry.series = head_.AddSeries(std::move(entry.fresh));
      entry.created = true;
    }
    ++entry.series->pins;
  }
  for (const Pending& pending : pending_) {
    Entry& entry = entries_[pending.entry];
    // Only another batch, committed since, can have made this one too late.
    if (!entry.series->chunks.empty() &&
        pending.sample.time_ms <= entry.series->chunks.back().end_ms) {
      ++head_.counters_.out_of_order;
      continue;
    }
    entry.changed = entry.changed || entry.series->chunks.empty() ||
                    !SameBits(pending.sample.value, entry.series->writer.last_value());
    if (entry.series->Append(pending.sample)) ++head_.counters_.chunks;
    ++head_.counters_.samples;
    info.time_ms = std::max(info.time_ms, pending.sample.time_ms);
    entry.touched = true;
  }
}

Status Head::Batch::Commit() {
  model::CommitInfo info;
  info.time_ms = std::numeric_limits<std::int64_t>::min();
  Publish(info);
  if (head_.listener_) {
    for (const Entry& entry : entries_) {
      if (!entry.touched) continue;
      info.series.push_back({entry.series->labels, entry.created,
                             model::IsStale(entry.series->writer.last_value()), entry.changed});
    }
  }
  Clear();
  if (info.series.empty()) return {};
  // A copy, because the listener may replace itself.
  const auto listener = head_.listener_;
  listener(info);
  return {};
}

void Head::Batch::Clear() {
  for (Entry& entry : entries_) {
    if (entry.series == nullptr) continue;
    --entry.series->pins;
    if (entry.series->batch == number_) entry.series->batch = 0;
  }
  entries_.clear();
  pending_.clear();
  fresh_.clear();
}

Head::Head(HeadOptions options)
    : options_(options), oldest_ms_(std::numeric_limits<std::int64_t>::min()) {}

Head::~Head() = default;

std::unique_ptr<model::Appender> Head::NewAppender() {
  return std::make_unique<Batch>(*this, ++batches_);
}

void Head::SetCommitListener(std::function<void(const model::CommitInfo&)> listener) {
  listener_ = std::move(listener);
}

Result<std::vector<model::SeriesData>> Head::Select(const std::vector<model::Matcher>& matchers,
                                                    std::int64_t min_ms,
                                                    std::int64_t max_ms) const {
  std::vector<model::SeriesData> found;
  std::size_t samples = 0;
  for (const SeriesRef ref : index_.Select(matchers)) {
    const Series& series = *series_.at(ref);
    model::SeriesData data;
    series.Read(std::max(min_ms, oldest_ms_), max_ms, data.samples);
    if (data.samples.empty()) continue;
    samples += data.samples.size();
    if (samples > options_.max_select_samples) {
      return Fail(Code::kUnavailable,
                  fmt::format("the query reads more than {} samples (max_select_samples)",
                              options_.max_select_samples));
    }
    data.labels = series.labels;
    found.push_back(std::move(data));
  }
  std::sort(found.begin(), found.end(), [](const model::SeriesData& a, const model::SeriesData& b) {
    return a.labels < b.labels;
  });
  return found;
}

void Head::Truncate(std::int64_t before_ms) {
  if (before_ms <= oldest_ms_) return;
  oldest_ms_ = before_ms;
  Postings gone;
  for (auto& [ref, held] : series_) {
    Series& series = *held;
    auto keep = std::find_if(series.chunks.begin(), series.chunks.end(),
                             [&](const Chunk& chunk) { return chunk.end_ms >= before_ms; });
    // What an open batch holds keeps its last chunk, so that it still knows its newest sample.
    if (keep == series.chunks.end() && series.pins > 0) --keep;
    counters_.chunks -= static_cast<std::size_t>(keep - series.chunks.begin());
    series.chunks.erase(series.chunks.begin(), keep);
    if (series.chunks.empty()) gone.push_back(ref);
  }
  std::sort(gone.begin(), gone.end());
  RemoveSeries(gone);
}

Head::Series* Head::FindSeries(std::uint64_t hash, const model::Labels& labels) const {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    Series* series = series_.at(it->second).get();
    if (series->labels == labels) return series;
  }
  return nullptr;
}

Head::Series* Head::AddSeries(std::unique_ptr<Series> series) {
  WEIR_CHECK(next_ref_ != std::numeric_limits<SeriesRef>::max());
  series->ref = next_ref_++;
  Series* added = series.get();
  series_.emplace(added->ref, std::move(series));
  by_hash_.emplace(added->hash, added->ref);
  index_.Add(added->ref, added->labels);
  ++counters_.series;
  ++counters_.series_created;
  return added;
}

void Head::RemoveSeries(const Postings& gone) {
  index_.Remove(gone);
  for (const SeriesRef ref : gone) {
    const auto [first, last] = by_hash_.equal_range(series_.at(ref)->hash);
    by_hash_.erase(std::find_if(first, last, [&](const auto& item) { return item.second == ref; }));
    series_.erase(ref);
  }
  counters_.series -= gone.size();
  counters_.series_removed += gone.size();
}

}  // namespace weir::tsdb
