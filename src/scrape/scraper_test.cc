// The Scraper against a server on loopback, writing into a real store. Time is a FakeClock that the
// server moves by one interval at each request, so that every sample's time is known.
#include "scrape/scraper.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/strings.h"
#include "net/testing.h"
#include "tsdb/head.h"

namespace weir::scrape {
namespace {

using std::chrono::milliseconds;

constexpr Duration kInterval = milliseconds(5);

class ScraperTest : public ::testing::Test {
 protected:
  ScraperTest() : scraper_(loop_, clock_, [this] { return head_.NewAppender(); }) {
    server_.emplace(loop_, net::HttpServerOptions(),
                    [this](net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
                      return Serve(std::move(request), writer);
                    });
    EXPECT_TRUE(server_->Start());
    scraper_.SetListener([this](const ScrapeReport& report) {
      reports_.push_back(report);
      reported_.Notify();
    });
  }

  ~ScraperTest() override {
    net::RunTask(loop_, scraper_.Stop());
    net::RunTask(loop_, server_->Stop(Duration::zero()));
  }

  net::Task<void> Serve(net::HttpRequest request, net::ResponseWriter& writer) {
    requests_.push_back(std::move(request));
    clock_.Advance(kInterval);
    net::HttpResponse response = net::HttpResponse::Text(status_, page_);
    response.headers["content-type"] = content_type_;
    std::ignore = co_await writer.Send(std::move(response));
  }

  net::Task<void> UntilReports(std::size_t count) {
    while (reports_.size() < count) co_await reported_.Wait();
  }
  void Wait(std::size_t count) { net::RunTask(loop_, UntilReports(count)); }

  std::vector<Target> Targets(std::string path = "/metrics", std::string source = {}) {
    StaticTargets list;
    list.job = "j";
    list.addresses = {"127.0.0.1:" + std::to_string(server_->port())};
    list.path = std::move(path);
    list.labels.Set("instance", "i");
    list.settings.interval = kInterval;
    list.settings.timeout = std::chrono::seconds(20);
    list.settings.source = std::move(source);
    return PlanStatic(list);
  }

  // All samples of a series, stale markers as `x`.
  std::string Values(const std::string& name) {
    const auto matcher = model::Matcher::Make(model::MatchType::kEqual, "__name__", name);
    const auto found = head_.Select({*matcher}, std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max());
    std::string text;
    for (const model::SeriesData& series : *found) {
      text += text.empty() ? "" : " | ";
      text += series.labels.ToString();
      for (const model::Sample& sample : series.samples) {
        text += " " + (model::IsStale(sample.value) ? "x" : FormatDouble(sample.value));
      }
    }
    return text;
  }

  env::FakeClock clock_;
  net::Loop loop_;
  tsdb::Head head_;
  std::string page_ = "a 1\n";
  std::string content_type_ = "text/plain";
  int status_ = 200;
  std::vector<net::HttpRequest> requests_;
  std::vector<ScrapeReport> reports_;
  net::Signal reported_{loop_};
  std::optional<net::HttpServer> server_;
  Scraper scraper_;
};

TEST_F(ScraperTest, ScrapesAtOnceAndThenEachInterval) {
  scraper_.SetTargets(Targets());
  Wait(1);
  EXPECT_EQ(Values("a"), "a{instance=\"i\",job=\"j\"} 1");
  EXPECT_EQ(Values("up"), "up{instance=\"i\",job=\"j\"} 1");
  EXPECT_EQ(Values("scrape_samples_scraped"), "scrape_samples_scraped{instance=\"i\",job=\"j\"} 1");
  EXPECT_EQ(Values("scrape_duration_seconds"),
            "scrape_duration_seconds{instance=\"i\",job=\"j\"} 0.005");
  EXPECT_EQ(reports_[0].asked_at, env::FakeClock().Now());
  EXPECT_EQ(reports_[0].took, kInterval);
  EXPECT_EQ(reports_[0].error, "");
  EXPECT_EQ(requests_[0].target, "/metrics");
  EXPECT_EQ(requests_[0].Header("x-prometheus-scrape-timeout-seconds"), "20");
  EXPECT_TRUE(requests_[0].Header("accept").starts_with("application/openmetrics-text"));
  page_ = "b 2\n";
  Wait(2);
  EXPECT_EQ(Values("a"), "a{instance=\"i\",job=\"j\"} 1 x");
  EXPECT_EQ(Values("b"), "b{instance=\"i\",job=\"j\"} 2");
  EXPECT_EQ(reports_[1].asked_at - reports_[0].asked_at, kInterval);
  EXPECT_EQ(scraper_.counters().targets_up, 1U);
}

TEST_F(ScraperTest, AFailedScrapeIsDownAndStale) {
  scraper_.SetTargets(Targets());
  Wait(1);
  status_ = 503;
  Wait(2);
  EXPECT_EQ(reports_[1].error, "the server answered with HTTP status 503");
  status_ = 200;
  page_ = "a 1\nb\n";
  Wait(3);
  EXPECT_TRUE(reports_[2].error.starts_with("line 2")) << reports_[2].error;
  page_ = "a 4\n";
  content_type_ = "text/html";
  Wait(4);
  content_type_ = "text/plain";
  Wait(5);
  EXPECT_EQ(Values("up"), "up{instance=\"i\",job=\"j\"} 1 0 0 0 1");
  EXPECT_EQ(Values("a"), "a{instance=\"i\",job=\"j\"} 1 x 4");
  EXPECT_EQ(scraper_.counters().failures, 3U);
  EXPECT_EQ(scraper_.LastReports().size(), 1U);
}

TEST_F(ScraperTest, ATargetThatGoesIsMarkedAsAWhole) {
  scraper_.SetTargets(Targets());
  Wait(1);
  scraper_.SetTargets({});
  EXPECT_EQ(Values("a"), "a{instance=\"i\",job=\"j\"} 1 x");
  EXPECT_EQ(Values("up"), "up{instance=\"i\",job=\"j\"} 1 x");
  EXPECT_EQ(scraper_.counters().targets, 0U);
  // Another target that takes over the labels goes on with the same series.
  scraper_.SetTargets(Targets("/other"));
  Wait(2);
  EXPECT_EQ(Values("up"), "up{instance=\"i\",job=\"j\"} 1 x 1");
  EXPECT_EQ(requests_.back().target, "/other");
}

TEST_F(ScraperTest, NewSettingsScrapeAtOnceAndGoOnWithTheSeries) {
  std::vector<Target> slow = Targets("/metrics", "slow");
  ScrapeSettings settings = *slow[0].settings;
  settings.interval = std::chrono::hours(1);
  slow[0].settings = std::make_shared<const ScrapeSettings>(settings);
  scraper_.SetTargets(slow);
  Wait(1);
  scraper_.SetTargets(slow);  // no change
  scraper_.SetTargets(Targets("/metrics", "fast"));
  Wait(3);
  EXPECT_EQ(Values("a"), "a{instance=\"i\",job=\"j\"} 1 1 1");
}

TEST_F(ScraperTest, StoppingWritesNoMarkers) {
  scraper_.SetTargets(Targets());
  Wait(1);
  net::RunTask(loop_, scraper_.Stop());
  scraper_.SetTargets({});
  EXPECT_EQ(Values("a").find('x'), std::string::npos);
}

TEST_F(ScraperTest, NobodyListeningIsDown) {
  std::vector<Target> targets = Targets();
  const std::string closed = [&] {
    net::HttpServer probe(
        loop_, net::HttpServerOptions(),
        [](net::HttpRequest, net::Peer, net::ResponseWriter&) -> net::Task<void> { co_return; });
    EXPECT_TRUE(probe.Start());
    const std::string address = "http://127.0.0.1:" + std::to_string(probe.port()) + "/";
    net::RunTask(loop_, probe.Stop(Duration::zero()));
    return address;
  }();
  targets[0].url = closed;
  scraper_.SetTargets(targets);
  Wait(1);
  EXPECT_EQ(Values("up"), "up{instance=\"i\",job=\"j\"} 0");
  EXPECT_FALSE(reports_[0].error.empty());
}

TEST_F(ScraperTest, BadUrlsAreRefusedByName) {
  std::vector<Target> targets = Targets();
  targets[0].url = "http://:x";
  scraper_.SetTargets(targets);
  EXPECT_EQ(scraper_.counters().targets_refused, 1U);
  EXPECT_EQ(scraper_.counters().targets, 0U);
}

}  // namespace
}  // namespace weir::scrape
