// Scrapes a set of targets, each at its own interval, into batches of samples. Owned by Manager;
// loop thread only.
//
// A target is scraped at once when it appears and then on a fixed grid of its interval; a scrape
// that takes longer than the interval skips the ticks that it missed. Each scrape is one batch:
// the page's samples, stale markers for series that were on the page before and no longer are, and
// the target's own series (up, scrape_duration_seconds, scrape_samples_scraped,
// scrape_samples_post_metric_relabeling, scrape_series_added). A failed scrape writes `up` 0 and
// marks every series of the last page stale. A target that goes away is marked stale as a whole,
// at once; stopping writes no markers, as in Prometheus.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/clock.h"
#include "model/storage.h"
#include "net/http.h"
#include "net/loop.h"
#include "scrape/page_plan.h"
#include "scrape/scrape_plan.h"

namespace weir::scrape {

using AppenderFactory = std::function<std::unique_ptr<model::Appender>()>;

// One finished scrape.
struct ScrapeReport {
  std::string pool;
  std::string url;
  model::Labels labels;
  Time asked_at{};      // the timestamp of its samples
  Time committed_at{};  // after Commit, and whatever its listener did, returned
  Duration took{};      // from the request to the last byte
  std::size_t samples = 0;
  std::string error;  // empty: the target is up
};

class Scraper {
 public:
  Scraper(net::Loop& loop, const env::Clock& clock, AppenderFactory appenders);
  ~Scraper();
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  // Called after each scrape. Replaces the last one.
  void SetListener(std::function<void(const ScrapeReport&)> listener);

  // The whole set from now on: new targets start, missing ones end, the others go on with their
  // new settings. At most kMaxTargets; those beyond are not scraped, and counted.
  void SetTargets(std::vector<Target> targets);
  static constexpr std::size_t kMaxTargets = 10'000;

  net::Task<void> Stop();

  struct Counters {
    std::size_t targets = 0, targets_up = 0;  // now
    std::uint64_t scrapes = 0, failures = 0;
    std::uint64_t samples = 0;
    std::uint64_t out_of_order = 0;  // samples refused for their time
    std::uint64_t refused = 0;       // samples refused for a limit of the store
    std::uint64_t targets_refused = 0;
  };
  Counters counters() const;

  // The last scrape of every target that has had one, in order of target.
  std::vector<ScrapeReport> LastReports() const;

 private:
  struct Job;

  net::Task<void> Run(std::shared_ptr<Job> job);
  net::Task<void> ScrapeOnce(std::shared_ptr<Job> job);
  Time ScrapeTime(Job& job) const;
  Duration UntilNextTick(const Job& job) const;
  void Finish(Job& job, Time asked_at, Duration took, const Result<net::HttpResponse>& response);
  void Append(model::Appender& appender, const model::Labels& labels, std::int64_t time_ms,
              double value);
  void AppendReport(model::Appender& appender, const Job& job, std::int64_t time_ms,
                    const PagePlan* plan, Duration took);
  void MarkGone(Job& job);

  const env::Clock& clock_;
  net::Loop& loop_;
  AppenderFactory appenders_;
  std::function<void(const ScrapeReport&)> listener_;
  net::TaskGroup group_;
  net::HttpClient client_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;  // by Target::Key
  Counters counters_;
};

}  // namespace weir::scrape
