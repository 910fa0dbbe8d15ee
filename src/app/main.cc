// The program `weir`: finds out which command was asked for and hands over to it.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "app/explain_command.h"
#include "app/exporter_command.h"
#include "app/hpa_command.h"
#include "app/options.h"
#include "app/up.h"
#include "app/version.h"
#include "base/strings.h"
#include "platform/process.h"

namespace weir::app {
namespace {

// Turns a Go duration flag into a Duration, for CLI11's error messages.
CLI::Validator DurationFlag(Duration least = Duration(0)) {
  return CLI::Validator(
      [least](std::string& text) {
        auto parsed = ParseGoDuration(text);
        if (!parsed) return parsed.error().message;
        if (*parsed < Duration(0)) return std::string("must not be negative");
        return *parsed < least ? "must be at least " + FormatGoDuration(least) : std::string();
      },
      "DURATION");
}

// What is done again and again takes at least this long.
constexpr Duration kLeastPeriod = std::chrono::milliseconds(10);

int Main(int argc, char** argv) {
  CLI::App app{"Weir scales workers by the work that waits for them."};
  app.set_version_flag("--version", "weir " + std::string(kVersion));
  app.require_subcommand(1);

  UpOptions up;
  std::string stabilization = "300s", sync_period = "15s", relist_interval, max_age;
  auto* up_command = app.add_subcommand(
      "up", "A local Kubernetes cluster in the foreground; its pods are local processes.");
  up_command->add_option("-f,--filename", up.files,
                         "Manifests to apply at start: files or folders");
  up_command
      ->add_option("--data-dir", up.data_dir,
                   "Where objects, logs and credentials are kept (" + DefaultDataDir() + ")")
      ->check(CLI::Validator(
          [](std::string& text) { return std::string(text.empty() ? "must name a folder" : ""); },
          "FOLDER"));
  up_command->add_option("--port", up.port, "Port of the API (6443, or a free one if it is taken)")
      ->check(CLI::Range(0, 65535));
  up_command
      ->add_option("--downscale-stabilization", stabilization,
                   "How long an HPA without behavior remembers higher recommendations")
      ->check(DurationFlag())
      ->capture_default_str();
  up_command->add_option("--hpa-sync-period", sync_period, "How often each HPA is evaluated anyway")
      ->check(DurationFlag(kLeastPeriod))
      ->capture_default_str();
  up_command->add_option("--images", up.images_file,
                         "Image catalogue, read before the built-in one");
  up_command->add_option("--adapter-config", up.adapter_config_file,
                         "prometheus-adapter's configuration file");
  up_command->add_option("--scrape-config", up.scrape_config_file,
                         "What to scrape beside ServiceMonitors, and rule files, as Prometheus' "
                         "configuration file says it");
  up_command
      ->add_option("--metrics-relist-interval", relist_interval,
                   "How often the metrics APIs list series anew (at once when a series is new)")
      ->check(DurationFlag());
  up_command
      ->add_option("--metrics-max-age", max_age,
                   "How long a metric without samples stays listed (the relist interval, or 5m)")
      ->check(DurationFlag());
  up_command->add_option(
      "--token-auth-file", up.token_auth_file,
      "Further users, as kube-apiserver reads them: token,user,uid[,\"groups\"]");
  up_command
      ->add_option_function<std::string>(
          "--kubelet", [&up](const std::string& which) { up.node = which == "process"; },
          "Who runs the pods: `process`, as local processes; `none`, no node is registered")
      ->check(CLI::IsMember({"process", "none"}))
      ->default_str("process");
  up_command->add_flag("--upstream-exact", up.upstream_exact,
                       "Answer as Kubernetes 1.36 does in everything, for comparison");

  auto* exporter_command =
      app.add_subcommand("exporter", "A queue's metrics as a Prometheus page: weir exporter redis");
  exporter_command->prefix_command();

  auto* hpa_command = app.add_subcommand("hpa", "The HorizontalPodAutoscaler's decisions.");
  hpa_command->require_subcommand(1);
  auto* replay_command = hpa_command->add_subcommand("replay", "Decide recorded scenarios again.");
  std::string scenarios = "-";
  bool replay_exact = false;
  replay_command->add_option("FILE", scenarios, "JSON lines; - is standard input");
  replay_command->add_flag("--upstream-exact", replay_exact, "Decide as Kubernetes 1.36 does");

  ExplainOptions explain;
  auto* explain_command =
      app.add_subcommand("explain", "Why an autoscaler's target has as many replicas as it has.");
  explain_command->add_option("WHAT", explain.what, "hpa/NAME")->required();
  explain_command->add_option("-n,--namespace", explain.ns, "The autoscaler's namespace");
  explain_command->add_option("--kubeconfig", explain.kubeconfig,
                              "The cluster ($KUBECONFIG, or ~/.kube/config)");
  explain_command->add_option("--at", explain.at,
                              "The decision in force then: 2026-01-31T12:00:00Z, or 5m ago as 5m");
  explain_command
      ->add_option_function<std::string>(
          "-o,--output", [&explain](const std::string& form) { explain.json = form == "json"; },
          "`json`: the record as it is")
      ->check(CLI::IsMember({"json"}));

  // Of an unknown command CLI11 says only that one is required.
  const auto is_asked = [&](const CLI::App* command) { return command->check_name(argv[1]); };
  if (argc > 1 && *argv[1] != '-' && app.get_subcommands(is_asked).empty()) {
    fmt::print(stderr, "weir: no command \"{}\"; weir --help lists them\n", argv[1]);
    return 2;
  }
  CLI11_PARSE(app, argc, argv);
  if (up_command->parsed()) {
    up.downscale_stabilization =
        ParseGoDuration(stabilization).value_or(up.downscale_stabilization);
    up.hpa_sync_period = ParseGoDuration(sync_period).value_or(up.hpa_sync_period);
    if (auto given = ParseGoDuration(relist_interval)) up.metrics_relist_interval = *given;
    if (auto given = ParseGoDuration(max_age)) up.metrics_max_age = *given;
    return RunUp(up);
  }
  if (explain_command->parsed()) return RunExplain(explain);
  if (replay_command->parsed()) return RunHpaReplay(scenarios, replay_exact);
  return RunExporter(exporter_command->remaining());
}

}  // namespace
}  // namespace weir::app

int main(int argc, char** argv) {
  if (weir::platform::IsPodInit(argc, argv)) return weir::platform::PodInitMain(argc, argv);
  return weir::app::Main(argc, argv);
}
