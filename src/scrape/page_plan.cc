#include "scrape/page_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "exposition/parser.h"
#include "model/storage.h"

namespace weir::scrape {
namespace {

// As Prometheus: a page's own timestamps may lie this far ahead of the scrape, not further.
constexpr std::int64_t kMaxAheadMs = 10 * 60 * 1000;

constexpr std::string_view kExported = "exported_";

}  // namespace

model::Labels JoinTargetLabels(const model::Labels& scraped, const model::Labels& target,
                               bool honor_labels) {
  model::Labels joined = scraped;
  std::vector<model::Label> renamed;
  for (const model::Label& label : target) {
    const std::string_view own = scraped.Get(label.name);
    if (own.empty()) {
      joined.Set(label.name, label.value);
    } else if (!honor_labels) {
      renamed.push_back({label.name, std::string(own)});
      joined.Set(label.name, label.value);
    }
  }
  // Shorter names first, so that what a rename takes does not depend on the order of labels.
  std::sort(renamed.begin(), renamed.end(), [](const model::Label& a, const model::Label& b) {
    return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
  });
  for (const model::Label& label : renamed) {
    std::string name = std::string(kExported) + label.name;
    while (joined.Has(name)) name.insert(0, kExported);
    joined.Set(name, label.value);
  }
  return joined;
}

model::Labels ReportLabels(std::string_view name, const model::Labels& target) {
  model::Labels labels = target;
  labels.Set(model::kMetricName, name);
  return labels;
}

Result<PagePlan> PageReader::Read(std::string_view page, std::string_view content_type,
                                  const model::Labels& target, const ScrapeSettings& settings,
                                  std::int64_t time_ms) {
  Result<exposition::Format> format = exposition::FormatOf(content_type, settings.fallback);
  if (!format) return std::unexpected(format.error());
  exposition::Parser parser(page, *format, settings.limits);
  PagePlan plan;
  Texts fresh;
  std::vector<Staged> staged;
  staged.reserve(known_.size());
  while (true) {
    Result<exposition::Parser::Kind> kind = parser.Next();
    if (!kind) return std::unexpected(kind.error());
    if (*kind == exposition::Parser::Kind::kEnd) break;
    if (*kind != exposition::Parser::Kind::kSample) continue;
    ++plan.scraped;
    Status status = Stage(parser, target, settings, fresh, staged);
    if (!status) return std::unexpected(status.error());
    if (!staged.back().entry->second.dropped) ++plan.kept;
    if (settings.sample_limit > 0 && plan.kept > settings.sample_limit) {
      return Fail(
          Code::kInvalid,
          fmt::format("sample limit exceeded: the page has more than {} samples (sampleLimit)",
                      settings.sample_limit));
    }
  }
  known_.merge(fresh);  // moves nodes, so that what is staged stays where it is
  Accept(std::move(staged), time_ms, plan);
  return plan;
}

Status PageReader::Stage(const exposition::Parser& parser, const model::Labels& target,
                         const ScrapeSettings& settings, Texts& fresh,
                         std::vector<Staged>& staged) {
  Texts::value_type* entry = nullptr;
  const std::size_t place = staged.size();
  if (place < order_.size() && order_[place]->first == parser.series()) {
    entry = order_[place];
  } else if (auto it = known_.find(parser.series()); it != known_.end()) {
    entry = &*it;
  } else if (auto found = fresh.find(parser.series()); found != fresh.end()) {
    entry = &*found;
  } else {
    Result<model::Labels> labels = parser.Labels();
    if (!labels) return std::unexpected(labels.error());
    entry = &*fresh.emplace(parser.series(), Known{}).first;
    Known& known = entry->second;
    known.labels = JoinTargetLabels(*labels, target, settings.honor_labels);
    known.dropped = !Relabel(settings.metric_relabelings, known.labels);
    if (!known.dropped && known.labels.MetricName().empty()) {
      return Fail(Code::kInvalid,
                  fmt::format("{} has no metric name after relabelling", parser.series()));
    }
  }
  staged.push_back(
      {entry, parser.value(), settings.honor_timestamps ? parser.time_ms() : std::nullopt});
  return {};
}

void PageReader::Accept(std::vector<Staged> staged, std::int64_t time_ms, PagePlan& plan) {
  const std::uint64_t before = scrape_++;
  order_.clear();
  for (const Staged& sample : staged) {
    Known& known = sample.entry->second;
    order_.push_back(sample.entry);
    if (!known.dropped) {
      if (known.scrape != before && known.scrape != scrape_) ++plan.added;
      const std::int64_t at = sample.time_ms.value_or(time_ms);
      if (at <= time_ms + kMaxAheadMs) plan.samples.push_back({&known.labels, at, sample.value});
      known.tracked = !sample.time_ms.has_value();
    }
    known.scrape = scrape_;
  }
  FindVanished(plan);
  for (const model::Labels& labels : vanished_) {
    plan.samples.push_back({&labels, time_ms, model::StaleMarker()});
  }
}

void PageReader::FindVanished(const PagePlan& plan) {
  vanished_.clear();
  for (auto it = known_.begin(); it != known_.end();) {
    if (it->second.scrape == scrape_) {
      ++it;
      continue;
    }
    if (it->second.tracked) vanished_.push_back(std::move(it->second.labels));
    it = known_.erase(it);
  }
  if (orphans_.empty() && vanished_.empty()) return;
  std::move(orphans_.begin(), orphans_.end(), std::back_inserter(vanished_));
  orphans_.clear();
  // The same labels may have come from another text: those have not vanished.
  const auto less = [](const model::Labels* a, const model::Labels* b) { return *a < *b; };
  std::set<const model::Labels*, decltype(less)> present(less);
  for (const PlannedSample& sample : plan.samples) present.insert(sample.labels);
  std::erase_if(vanished_, [&](const model::Labels& labels) { return present.contains(&labels); });
  std::sort(vanished_.begin(), vanished_.end());
}

std::vector<model::Labels> PageReader::Vanish() {
  ForgetTexts();
  return std::exchange(orphans_, {});
}

void PageReader::ForgetTexts() {
  for (auto& [text, known] : known_) {
    if (known.tracked) orphans_.push_back(std::move(known.labels));
  }
  known_.clear();
  order_.clear();
  std::sort(orphans_.begin(), orphans_.end());
}

}  // namespace weir::scrape
