#include "tsdb/index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "env/random.h"

namespace weir::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;

Matcher Make(MatchType type, std::string name, std::string value) {
  return *Matcher::Make(type, std::move(name), std::move(value));
}

struct Fixture {
  LabelIndex index;
  std::vector<std::unique_ptr<Labels>> series;

  void Add(Labels labels) {
    series.push_back(std::make_unique<Labels>(std::move(labels)));
    index.Add(static_cast<SeriesRef>(series.size() - 1), *series.back());
  }
  Postings Plain(const std::vector<Matcher>& matchers) const {
    Postings found;
    for (SeriesRef ref = 0; ref < series.size(); ++ref) {
      if (series[ref] != nullptr && MatchesAll(matchers, *series[ref])) found.push_back(ref);
    }
    return found;
  }
};

TEST(LabelIndex, AnswersMatchers) {
  Fixture f;
  f.Add(Labels({{"__name__", "up"}, {"job", "a"}}));
  f.Add(Labels({{"__name__", "up"}, {"job", "b"}}));
  f.Add(Labels({{"__name__", "down"}, {"job", "a"}}));
  f.Add(Labels({{"__name__", "up"}}));
  struct Case {
    std::vector<Matcher> matchers;
    Postings want;
  };
  const Case cases[] = {
      {{}, {0, 1, 2, 3}},
      {{Make(MatchType::kEqual, "__name__", "up")}, {0, 1, 3}},
      {{Make(MatchType::kEqual, "__name__", "none")}, {}},
      {{Make(MatchType::kEqual, "none", "x")}, {}},
      {{Make(MatchType::kEqual, "job", "")}, {3}},
      {{Make(MatchType::kNotEqual, "job", "")}, {0, 1, 2}},
      {{Make(MatchType::kNotEqual, "job", "a")}, {1, 3}},
      {{Make(MatchType::kRegex, "job", "a|b")}, {0, 1, 2}},
      {{Make(MatchType::kRegex, "job", "a|")}, {0, 2, 3}},
      {{Make(MatchType::kRegex, "job", ".*")}, {0, 1, 2, 3}},
      {{Make(MatchType::kRegex, "job", ".+")}, {0, 1, 2}},
      {{Make(MatchType::kNotRegex, "job", "b.*")}, {0, 2, 3}},
      {{Make(MatchType::kNotRegex, "job", "")}, {0, 1, 2}},
      {{Make(MatchType::kRegex, "__name__", "^u.*"), Make(MatchType::kNotEqual, "job", "b")},
       {0, 3}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(f.index.Select(c.matchers), c.want)
        << (c.matchers.empty() ? "{}" : c.matchers[0].ToString());
  }
}

TEST(LabelIndex, AgreesWithLookingAtEverySeries) {
  env::SeededRandom random(3);
  const auto letter = [&] { return std::string(1, static_cast<char>('a' + random.Below(5))); };
  const std::string values[] = {"", "a", "b", "a|c", "[a-c]", ".*", ".+", "|d", "zz", "d.?"};
  Fixture f;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 3; ++i) {
      f.Add(
          Labels({{"x", random.Below(4) == 0 ? "" : letter()}, {"y", letter()}, {"z", letter()}}));
    }
    Postings gone;
    for (SeriesRef ref = 0; ref < f.series.size(); ++ref) {
      if (f.series[ref] != nullptr && random.Below(20) == 0) gone.push_back(ref);
    }
    f.index.Remove(gone);
    for (const SeriesRef ref : gone) f.series[ref] = nullptr;
    std::vector<Matcher> matchers;
    for (std::uint64_t i = random.Below(4); i > 0; --i) {
      matchers.push_back(Make(static_cast<MatchType>(random.Below(4)),
                              std::string(1, static_cast<char>('w' + random.Below(4))),
                              values[random.Below(std::size(values))]));
    }
    EXPECT_EQ(f.index.Select(matchers), f.Plain(matchers));
  }
}

}  // namespace
}  // namespace weir::tsdb
