// From the bytes of a page to samples: target labels, metric relabelling, limits, and which series
// vanished since the scrape before. Decides; the caller appends. Pure, stateful per target.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "scrape/monitor_plan.h"

namespace weir::scrape {

struct PlannedSample {
  const model::Labels* labels;  // valid until the next call to PageReader
  std::int64_t time_ms;
  double value;
};

struct PagePlan {
  std::vector<PlannedSample> samples;  // stale markers of vanished series included
  std::size_t scraped = 0;             // samples on the page
  std::size_t kept = 0;                // after relabelling
  std::size_t added = 0;               // of these: not in the scrape before
};

// Remembers, for one target, what each series text of the last page became, so that labels are
// decoded and relabelled only when a text is new.
class PageReader {
 public:
  // The samples of a page that was asked for at `time_ms`. An error (kInvalid, naming the line or
  // the limit) leaves what is remembered as it was: the scrape has failed as a whole.
  Result<PagePlan> Read(std::string_view page, std::string_view content_type,
                        const model::Labels& target, const ScrapeSettings& settings,
                        std::int64_t time_ms);

  // The series that the last page had, to be marked stale: after a failed scrape and for a target
  // that has gone. Nothing is remembered after.
  std::vector<model::Labels> Vanish();

  // The settings or the target's labels changed: decodes every text anew, and marks stale what
  // comes out under other labels than before.
  void ForgetTexts();

 private:
  struct Known {
    model::Labels labels;
    bool dropped = false;      // by metric relabelling
    bool tracked = false;      // had no timestamp of its own: gets a stale marker
    std::uint64_t scrape = 0;  // the last one that had it
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Texts = std::unordered_map<std::string, Known, Hash, std::equal_to<>>;
  struct Staged {
    Texts::value_type* entry;
    double value;
    std::optional<std::int64_t> time_ms;
  };

  Status Stage(const exposition::Parser& parser, const model::Labels& target,
               const ScrapeSettings& settings, Texts& fresh, std::vector<Staged>& staged);
  // Moves on to the next scrape: what is staged becomes the plan, what is not there vanishes.
  void Accept(std::vector<Staged> staged, std::int64_t time_ms, PagePlan& plan);
  void FindVanished(const PagePlan& plan);

  Texts known_;
  // The entries of the last page in its order: most pages keep theirs, and then comparing with the
  // expected text is enough, without hashing.
  std::vector<Texts::value_type*> order_;
  std::vector<model::Labels> orphans_;   // were there before ForgetTexts
  std::vector<model::Labels> vanished_;  // what the last plan's stale markers point to
  std::uint64_t scrape_ = 1;
};

// The series that a target's scrape reports about itself, in Prometheus' words.
model::Labels ReportLabels(std::string_view name, const model::Labels& target);

// Joins the labels of a scraped series with its target's. Where both have a name, honor_labels
// lets the series win; otherwise the series' own is renamed `exported_NAME` (with the prefix
// repeated until the name is free).
model::Labels JoinTargetLabels(const model::Labels& scraped, const model::Labels& target,
                               bool honor_labels);

}  // namespace weir::scrape
