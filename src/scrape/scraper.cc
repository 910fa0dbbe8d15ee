#include "scrape/scraper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace weir::scrape {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAccept =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

constexpr std::array<std::string_view, 5> kReportNames{
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added"};

// Prometheus puts a scrape that is this late at most on the grid itself, which keeps the distance
// between samples constant and chunks small.
constexpr Duration kAlignTolerance = milliseconds(2);

net::HttpRequest MakeRequest(const net::Url& url, const ScrapeSettings& settings) {
  net::HttpRequest request;
  request.target = url.target;
  request.headers["accept"] = std::string(kAccept);
  request.headers["accept-encoding"] = "identity";
  request.headers["user-agent"] = "weir/0.1";
  request.headers["x-prometheus-scrape-timeout-seconds"] =
      FormatDouble(ToSeconds(settings.timeout));
  return request;
}

}  // namespace

struct Scraper::Job {
  Job(net::Loop& loop, Target t, net::Url u)
      : target(std::move(t)), url(std::move(u)), wake(loop) {}

  Target target;
  net::Url url;
  PageReader reader;
  net::Signal wake;  // gone, or other settings
  bool gone = false;
  Duration grid_start{0};    // monotonic: ticks are this plus multiples of the interval
  std::optional<Time> grid;  // the wall clock's last tick
  std::int64_t last_ms = 0;  // of the newest batch
  std::optional<ScrapeReport> report;
};

Scraper::Scraper(net::Loop& loop, const env::Clock& clock, AppenderFactory appenders)
    : clock_(clock),
      loop_(loop),
      appenders_(std::move(appenders)),
      group_(loop, "scrape"),
      client_(loop) {}

Scraper::~Scraper() = default;

void Scraper::SetListener(std::function<void(const ScrapeReport&)> listener) {
  listener_ = std::move(listener);
}

void Scraper::SetTargets(std::vector<Target> targets) {
  if (group_.stopping()) return;
  std::map<std::string, Target> wanted;
  for (Target& target : targets) {
    std::string key = target.Key();
    wanted.emplace(std::move(key), std::move(target));
  }
  // Those that go are marked before others start: a new target may have the same labels.
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const std::shared_ptr<Job> job = it->second;
    it = jobs_.erase(it);
    MarkGone(*job);
  }
  for (auto& [key, target] : wanted) {
    if (auto known = jobs_.find(key); known != jobs_.end()) {
      Job& job = *known->second;
      const bool changed = job.target.settings->source != target.settings->source;
      job.target.settings = std::move(target.settings);
      if (!changed) continue;
      job.reader.ForgetTexts();
      job.wake.Notify();
      continue;
    }
    Result<net::Url> url = net::ParseUrl(target.url);
    if (!url || jobs_.size() >= kMaxTargets) {
      ++counters_.targets_refused;
      spdlog::warn("scrape: {} is not scraped: {}", target.url,
                   url ? fmt::format("the limit of {} targets is reached", kMaxTargets)
                       : url.error().message);
      continue;
    }
    auto job = std::make_shared<Job>(loop_, std::move(target), std::move(*url));
    jobs_.emplace(key, job);
    group_.Spawn(Run(job));
  }
}

net::Task<void> Scraper::Run(std::shared_ptr<Job> job) {
  bool restart = true;
  while (!job->gone && !group_.stopping()) {
    if (restart) {
      job->grid_start = clock_.Monotonic();
      job->grid.reset();
    }
    co_await ScrapeOnce(job);
    if (job->gone || group_.stopping()) co_return;
    const Duration pause = UntilNextTick(*job);
    restart = co_await job->wake.WaitFor(pause);
  }
}

Duration Scraper::UntilNextTick(const Job& job) const {
  const Duration interval = job.target.settings->interval;
  // What ended a hair before its tick has had that tick already.
  const Duration since =
      clock_.Monotonic() - job.grid_start + std::min(kAlignTolerance, interval / 100);
  return interval - since % interval;
}

Time Scraper::ScrapeTime(Job& job) const {
  const Time now = std::chrono::floor<milliseconds>(clock_.Now());
  const Duration interval = job.target.settings->interval;
  if (!job.grid || *job.grid > now) job.grid = now;
  *job.grid += (now - *job.grid) / interval * interval;
  const Duration late = now - *job.grid;
  return late <= std::min(kAlignTolerance, interval / 100) ? *job.grid : now;
}

net::Task<void> Scraper::ScrapeOnce(std::shared_ptr<Job> job) {
  const Time asked_at = ScrapeTime(*job);
  const Duration begun = clock_.Monotonic();
  const std::shared_ptr<const ScrapeSettings> settings = job->target.settings;
  net::HttpRequest request = MakeRequest(job->url, *settings);
  Result<net::HttpResponse> response = co_await client_.Do(job->url.endpoint, std::move(request),
                                                           settings->timeout, settings->body_limit);
  if (job->gone || group_.stopping()) co_return;
  Finish(*job, asked_at, clock_.Monotonic() - begun, response);
}

void Scraper::Finish(Job& job, Time asked_at, Duration took,
                     const Result<net::HttpResponse>& response) {
  const std::int64_t time_ms = ToUnixMillis(asked_at);
  Result<PagePlan> plan;
  if (!response) {
    plan = std::unexpected(response.error());
  } else if (response->status != 200) {
    plan = Fail(Code::kUnavailable,
                fmt::format("the server answered with HTTP status {}", response->status));
  } else {
    plan = job.reader.Read(response->body, response->Header("content-type"), job.target.labels,
                           *job.target.settings, time_ms);
  }
  const std::unique_ptr<model::Appender> appender = appenders_();
  ++counters_.scrapes;
  if (plan) {
    for (const PlannedSample& sample : plan->samples) {
      Append(*appender, *sample.labels, sample.time_ms, sample.value);
    }
  } else {
    ++counters_.failures;
    for (const model::Labels& labels : job.reader.Vanish()) {
      Append(*appender, labels, time_ms, model::StaleMarker());
    }
  }
  AppendReport(*appender, job, time_ms, plan ? &*plan : nullptr, took);
  job.last_ms = time_ms;

  ScrapeReport report{.pool = job.target.pool,
                      .url = job.target.url,
                      .labels = job.target.labels,
                      .asked_at = asked_at,
                      .took = took,
                      .samples = plan ? plan->scraped : 0,
                      .error = plan ? std::string() : plan.error().message};
  // Told when it changes, not each second.
  const std::string before = job.report ? job.report->error : std::string();
  if (report.error != before) {
    if (report.error.empty()) {
      spdlog::info("scrape: {} answers again", job.target.url);
    } else {
      spdlog::warn("scrape: {}: {}", job.target.url, report.error);
    }
  }
  if (Status status = appender->Commit(); !status) {
    spdlog::error("scrape: {}: {}", job.target.url, status.error().message);
  }
  report.committed_at = clock_.Now();
  job.report = report;
  if (listener_) listener_(report);
}

void Scraper::Append(model::Appender& appender, const model::Labels& labels, std::int64_t time_ms,
                     double value) {
  const Status status = appender.Append(labels, time_ms, value);
  if (status) {
    ++counters_.samples;
  } else if (status.error().code == Code::kUnavailable) {
    if (counters_.refused++ == 0) spdlog::warn("scrape: {}", status.error().message);
  } else {
    ++counters_.out_of_order;
    spdlog::debug("scrape: {}", status.error().message);
  }
}

// `plan` is null for a failed scrape.
void Scraper::AppendReport(model::Appender& appender, const Job& job, std::int64_t time_ms,
                           const PagePlan* plan, Duration took) {
  const auto count = [&](std::size_t PagePlan::* field) {
    return plan == nullptr ? 0.0 : static_cast<double>(plan->*field);
  };
  const std::array<double, kReportNames.size()> values{
      plan == nullptr ? 0.0 : 1.0, ToSeconds(took), count(&PagePlan::scraped),
      count(&PagePlan::kept), count(&PagePlan::added)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    Append(appender, ReportLabels(kReportNames[i], job.target.labels), time_ms, values[i]);
  }
}

void Scraper::MarkGone(Job& job) {
  job.gone = true;
  job.wake.Notify();
  if (!job.report) return;
  // A millisecond back, so that a target that takes over these labels now is not too late.
  const std::int64_t time_ms = std::max(ToUnixMillis(clock_.Now()) - 1, job.last_ms + 1);
  const std::unique_ptr<model::Appender> appender = appenders_();
  for (const model::Labels& labels : job.reader.Vanish()) {
    Append(*appender, labels, time_ms, model::StaleMarker());
  }
  for (const std::string_view name : kReportNames) {
    Append(*appender, ReportLabels(name, job.target.labels), time_ms, model::StaleMarker());
  }
  if (Status status = appender->Commit(); !status) {
    spdlog::error("scrape: {}: {}", job.target.url, status.error().message);
  }
}

Scraper::Counters Scraper::counters() const {
  Counters counters = counters_;
  counters.targets = jobs_.size();
  for (const auto& [key, job] : jobs_) {
    const std::optional<ScrapeReport>& report = job->report;
    if (report && report->error.empty()) ++counters.targets_up;
  }
  return counters;
}

std::vector<ScrapeReport> Scraper::LastReports() const {
  std::vector<ScrapeReport> reports;
  for (const auto& [key, job] : jobs_) {
    if (const std::optional<ScrapeReport>& report = job->report) reports.push_back(*report);
  }
  return reports;
}

net::Task<void> Scraper::Stop() { co_await group_.Stop(); }

}  // namespace weir::scrape
