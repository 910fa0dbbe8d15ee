#include "tsdb/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "env/random.h"

namespace weir::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;
using model::Sample;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

Labels Named(std::string name) { return Labels({{"__name__", std::move(name)}}); }

std::vector<Sample> Read(const Head& head, const std::string& name, std::int64_t min = kMin,
                         std::int64_t max = kMax) {
  const auto found = head.Select({*Matcher::Make(MatchType::kEqual, "__name__", name)}, min, max);
  EXPECT_TRUE(found);
  return found->empty() ? std::vector<Sample>{} : found->front().samples;
}

void Write(Head& head, const std::string& name, std::vector<Sample> samples) {
  auto batch = head.NewAppender();
  for (const Sample& s : samples) ASSERT_TRUE(batch->Append(Named(name), s.time_ms, s.value));
  ASSERT_TRUE(batch->Commit());
}

TEST(Head, ABatchIsVisibleAsAWholeAtCommit) {
  Head head;
  auto batch = head.NewAppender();
  ASSERT_TRUE(batch->Append(Named("a"), 1, 10));
  ASSERT_TRUE(batch->Append(Named("b"), 1, 20));
  EXPECT_TRUE(Read(head, "a").empty());
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(Read(head, "a"), (std::vector<Sample>{{1, 10}}));
  EXPECT_EQ(Read(head, "b"), (std::vector<Sample>{{1, 20}}));
  // The same appender can be used again.
  ASSERT_TRUE(batch->Append(Named("a"), 2, 11));
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(Read(head, "a").size(), 2U);
}

TEST(Head, ADroppedBatchChangesNothing) {
  Head head;
  Write(head, "a", {{1, 1}});
  {
    auto batch = head.NewAppender();
    ASSERT_TRUE(batch->Append(Named("a"), 5, 5));
    ASSERT_TRUE(batch->Append(Named("new"), 5, 5));
  }
  EXPECT_EQ(head.counters().series, 1U);
  Write(head, "a", {{2, 2}});
  EXPECT_EQ(Read(head, "a"), (std::vector<Sample>{{1, 1}, {2, 2}}));
}

TEST(Head, OrderAndDuplicates) {
  struct Case {
    std::vector<Sample> written;
    Sample next;
    bool in_same_batch;
    std::string_view want;  // begins the error; empty: accepted
  };
  const Case cases[] = {
      {{{5, 1}}, {6, 1}, false, ""},
      {{{5, 1}}, {4, 1}, false, "out of order"},
      {{{5, 1}}, {5, 2}, false, "duplicate sample"},
      {{{5, 1}}, {5, 1}, false, ""},
      {{{5, 1}}, {4, 1}, true, "out of order"},
      {{{5, 1}}, {5, 2}, true, "duplicate sample"},
      {{{5, 1}}, {5, 1}, true, ""},
      {{{5, std::nan("")}}, {5, std::nan("")}, false, ""},
      {{{5, std::nan("")}}, {5, model::StaleMarker()}, false, "duplicate sample"},
      {{}, {-7, 1}, false, ""},
  };
  for (const Case& c : cases) {
    Head head;
    auto batch = head.NewAppender();
    for (const Sample& s : c.written) ASSERT_TRUE(batch->Append(Named("a"), s.time_ms, s.value));
    if (!c.in_same_batch) {
      ASSERT_TRUE(batch->Commit());
    }
    const Status status = batch->Append(Named("a"), c.next.time_ms, c.next.value);
    EXPECT_EQ(status.has_value(), c.want.empty());
    if (!status) {
      EXPECT_EQ(status.error().code, Code::kInvalid);
      EXPECT_TRUE(status.error().message.starts_with(c.want)) << status.error().message;
    }
    // The batch stays usable.
    EXPECT_TRUE(batch->Append(Named("a"), 100, 1));
    EXPECT_TRUE(batch->Commit());
    EXPECT_EQ(Read(head, "a").back(), (Sample{100, 1}));
  }
}

TEST(Head, RefusesASeriesWithoutLabels) {
  Head head;
  EXPECT_EQ(head.NewAppender()->Append(Labels(), 1, 1).error().code, Code::kInvalid);
}

TEST(Head, TheCommitListenerHearsEachSeriesOnce) {
  Head head;
  std::vector<model::CommitInfo> heard;
  std::size_t seen_by_listener = 0;
  head.SetCommitListener([&](const model::CommitInfo& info) {
    heard.push_back(info);
    seen_by_listener = Read(head, "a").size();
  });
  auto batch = head.NewAppender();
  ASSERT_TRUE(batch->Append(Named("a"), 1, 1));
  ASSERT_TRUE(batch->Append(Named("a"), 2, 1));
  ASSERT_TRUE(batch->Append(Named("b"), 1, 1));
  ASSERT_TRUE(batch->Commit());
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(seen_by_listener, 2U);
  EXPECT_EQ(heard[0].time_ms, 2);
  ASSERT_EQ(heard[0].series.size(), 2U);
  EXPECT_EQ(heard[0].series[0].labels, Named("a"));
  EXPECT_TRUE(heard[0].series[0].created);
  EXPECT_FALSE(heard[0].series[0].vanished);

  ASSERT_TRUE(batch->Append(Named("b"), 3, model::StaleMarker()));
  ASSERT_TRUE(batch->Append(Named("a"), 2, 1));  // a repeat changes nothing
  ASSERT_TRUE(batch->Commit());
  ASSERT_EQ(heard.size(), 2U);
  ASSERT_EQ(heard[1].series.size(), 1U);
  EXPECT_EQ(heard[1].series[0].labels, Named("b"));
  EXPECT_FALSE(heard[1].series[0].created);
  EXPECT_TRUE(heard[1].series[0].vanished);

  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(heard.size(), 2U);
}

TEST(Head, TheCommitListenerHearsWhetherValuesChanged) {
  Head head;
  std::string heard;
  head.SetCommitListener([&](const model::CommitInfo& info) {
    for (const model::Touched& touched : info.series) heard += touched.changed ? "c" : "-";
  });
  const double values[] = {1, 1, 2, model::StaleMarker(), 2, 2};
  for (std::int64_t i = 0; i < 6; ++i) {
    auto batch = head.NewAppender();
    ASSERT_TRUE(batch->Append(Named("a"), i, values[i]));
    ASSERT_TRUE(batch->Commit());
  }
  EXPECT_EQ(heard, "c-ccc-");
}

TEST(Head, AListenerMayCommitItself) {
  Head head;
  head.SetCommitListener([&](const model::CommitInfo& info) {
    if (info.series[0].labels == Named("recorded")) return;
    Write(head, "recorded", {{info.time_ms, 7}});
  });
  Write(head, "a", {{1, 1}});
  Write(head, "a", {{2, 1}});
  EXPECT_EQ(Read(head, "recorded"), (std::vector<Sample>{{1, 7}, {2, 7}}));
}

TEST(Head, TheLimitOnSeriesIsNamed) {
  Head head(HeadOptions{.max_series = 2});
  auto batch = head.NewAppender();
  ASSERT_TRUE(batch->Append(Named("a"), 1, 1));
  ASSERT_TRUE(batch->Commit());
  ASSERT_TRUE(batch->Append(Named("b"), 1, 1));
  const Status refused = batch->Append(Named("c"), 1, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().message, "the limit of 2 series (max_series) is reached: c is refused");
  ASSERT_TRUE(batch->Append(Named("a"), 2, 1));
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(head.counters().series, 2U);
  EXPECT_EQ(head.counters().series_refused, 1U);
}

TEST(Head, TheLimitOfOneSelectIsNamed) {
  Head head(HeadOptions{.max_select_samples = 3});
  Write(head, "a", {{1, 1}, {2, 1}, {3, 1}, {4, 1}});
  EXPECT_TRUE(head.Select({}, 1, 3));
  EXPECT_EQ(head.Select({}, 1, 4).error().code, Code::kUnavailable);
}

TEST(Head, TruncateForgetsOldSamplesAndEmptySeries) {
  Head head;
  Write(head, "old", {{1, 1}, {99, 1}});
  Write(head, "both", {{1, 1}, {100, 2}});
  head.Truncate(100);
  EXPECT_EQ(head.counters().series, 1U);
  EXPECT_EQ(head.counters().series_removed, 1U);
  EXPECT_TRUE(Read(head, "old").empty());
  EXPECT_EQ(Read(head, "both"), (std::vector<Sample>{{100, 2}}));
  EXPECT_TRUE(
      head.NewAppender()->Append(Named("old"), 99, 1).error().message.starts_with("out of bounds"));
  head.Truncate(50);  // never goes back
  EXPECT_EQ(head.NewAppender()->Append(Named("old"), 99, 1).error().code, Code::kInvalid);
  Write(head, "old", {{100, 3}});
  EXPECT_EQ(Read(head, "old"), (std::vector<Sample>{{100, 3}}));
}

TEST(Head, TruncateLeavesWhatAnOpenBatchHolds) {
  Head head;
  Write(head, "a", {{1, 1}});
  auto batch = head.NewAppender();
  ASSERT_TRUE(batch->Append(Named("a"), 200, 2));
  head.Truncate(100);
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(Read(head, "a"), (std::vector<Sample>{{200, 2}}));
}

TEST(Head, TwoOpenBatchesNeverPutASeriesOutOfOrder) {
  Head head;
  auto first = head.NewAppender();
  auto second = head.NewAppender();
  ASSERT_TRUE(first->Append(Named("a"), 1, 1));
  ASSERT_TRUE(second->Append(Named("a"), 2, 2));
  ASSERT_TRUE(second->Commit());
  ASSERT_TRUE(first->Append(Named("a"), 3, 3));
  ASSERT_TRUE(first->Commit());
  EXPECT_EQ(Read(head, "a"), (std::vector<Sample>{{2, 2}, {3, 3}}));
  EXPECT_EQ(head.counters().out_of_order, 1U);
}

TEST(Head, SelectBoundsAreInclusiveAndResultsSorted) {
  Head head;
  std::vector<Sample> samples;
  for (int i = 0; i < 1000; ++i) samples.push_back({i * 10, static_cast<double>(i)});
  Write(head, "b", samples);
  Write(head, "a", {{5, 1}});
  EXPECT_EQ(Read(head, "b", 100, 120), (std::vector<Sample>{{100, 10}, {110, 11}, {120, 12}}));
  EXPECT_TRUE(Read(head, "b", 101, 109).empty());
  EXPECT_EQ(Read(head, "b", 1190, 1210).size(), 3U);  // across chunks
  EXPECT_EQ(Read(head, "b").size(), 1000U);
  const auto all = head.Select({}, kMin, kMax);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].labels, Named("a"));
  EXPECT_EQ(head.Select({}, 6, 9)->size(), 0U);
}

// Against a plain map of vectors, on random writes, truncations and reads.
TEST(Head, AgreesWithAPlainModel) {
  env::SeededRandom random(17);
  Head head;
  std::map<std::string, std::vector<Sample>> plain;
  std::int64_t now = 0;
  std::int64_t oldest = kMin;
  for (int round = 0; round < 2000; ++round) {
    now += static_cast<std::int64_t>(random.Below(50));
    auto batch = head.NewAppender();
    auto copy = plain;
    for (std::uint64_t i = random.Below(6); i > 0; --i) {
      const std::string name(1, static_cast<char>('a' + random.Below(8)));
      const Sample sample{now - static_cast<std::int64_t>(random.Below(20)),
                          static_cast<double>(random.Below(3))};
      std::vector<Sample>& kept = copy[name];
      const bool fits =
          sample.time_ms >= oldest && (kept.empty() || kept.back().time_ms < sample.time_ms);
      const bool repeats = sample.time_ms >= oldest && !kept.empty() && kept.back() == sample;
      EXPECT_EQ(batch->Append(Named(name), sample.time_ms, sample.value).has_value(),
                fits || repeats);
      if (fits) kept.push_back(sample);
    }
    if (random.Below(4) != 0) {
      ASSERT_TRUE(batch->Commit());
      plain = copy;
    }
    batch.reset();
    if (random.Below(50) == 0) {
      oldest = std::max(oldest, now - 2000);
      head.Truncate(oldest);
      for (auto& [name, samples] : plain) {
        std::erase_if(samples, [&](const Sample& s) { return s.time_ms < oldest; });
      }
    }
    const std::string name(1, static_cast<char>('a' + random.Below(8)));
    EXPECT_EQ(Read(head, name), plain[name]);
  }
  EXPECT_GT(head.counters().samples, 2000U);
}

}  // namespace
}  // namespace weir::tsdb
