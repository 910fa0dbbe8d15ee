#include "kubelet/log_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::kubelet {
namespace {

constexpr std::string_view kFull = " stdout F ";
constexpr std::string_view kPartial = " stdout P ";

std::string Entry(const std::string& time, std::string_view tag, std::string_view text) {
  std::string entry = time;
  entry += tag;
  entry += text;
  entry += '\n';
  return entry;
}

bool ParseBool(std::string_view text) { return text.empty() || text == "true" || text == "1"; }

std::unexpected<Json> BadRequest(const std::string& message) {
  return std::unexpected(kube::StatusBadRequest(message));
}

std::unexpected<Json> Invalid(const std::string& pod_name, const std::string& field,
                              const std::string& reason, const std::string& message) {
  Json details = {
      {"kind", "PodLogOptions"},
      {"name", pod_name},
      {"causes", Json::array({{{"field", field}, {"reason", reason}, {"message", message}}})}};
  return std::unexpected(kube::StatusFailure(
      422, "Invalid", "PodLogOptions \"" + pod_name + "\" is invalid: " + field + ": " + message,
      std::move(details)));
}

// Limits of ValidatePodLogOptions.
std::optional<std::unexpected<Json>> Check(const std::string& pod_name, const LogOptions& options) {
  const auto invalid = [&](const char* field, std::int64_t value, const char* rule) {
    return Invalid(pod_name, field, "FieldValueInvalid",
                   "Invalid value: " + std::to_string(value) + ": must be greater than " + rule);
  };
  if (options.tail_lines && *options.tail_lines < 0) {
    return invalid("tailLines", *options.tail_lines, "or equal to 0");
  }
  if (options.limit_bytes && *options.limit_bytes < 1) {
    return invalid("limitBytes", *options.limit_bytes, "0");
  }
  if (options.since_seconds && options.since_time) {
    return Invalid(pod_name, "[]", "FieldValueForbidden",
                   "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (options.since_seconds && *options.since_seconds < 1) {
    return invalid("sinceSeconds", *options.since_seconds, "0");
  }
  return std::nullopt;
}

}  // namespace

std::string LogTime(Time time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  std::string text = FormatRfc3339(second);
  text.pop_back();  // Z
  return text + fmt::format(".{:09}Z", (time - second).count());
}

std::string LogFormatter::Feed(std::string_view chunk, Time now) {
  const std::string time = LogTime(now);
  std::string entries;
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const bool whole = end != std::string_view::npos;
    std::string_view text = chunk.substr(0, end);
    chunk.remove_prefix(whole ? end + 1 : chunk.size());
    while (rest_.size() + text.size() > kMaxLogLineBytes) {
      const std::size_t fits = kMaxLogLineBytes - rest_.size();
      rest_.append(text.substr(0, fits));
      entries += Entry(time, kPartial, rest_);
      rest_.clear();
      text.remove_prefix(fits);
    }
    rest_.append(text);
    if (!whole) break;
    entries += Entry(time, kFull, rest_);
    rest_.clear();
  }
  return entries;
}

std::string LogFormatter::Finish(Time now) {
  if (rest_.empty()) return {};
  std::string entry = Entry(LogTime(now), kPartial, rest_);
  rest_.clear();
  return entry;
}

std::expected<LogOptions, Json> ParseLogOptions(
    const std::string& pod_name, const std::vector<std::pair<std::string, std::string>>& query) {
  LogOptions options;
  for (const auto& [name, value] : query) {
    std::optional<std::int64_t>* number = name == "tailLines"      ? &options.tail_lines
                                          : name == "limitBytes"   ? &options.limit_bytes
                                          : name == "sinceSeconds" ? &options.since_seconds
                                                                   : nullptr;
    if (name == "container") options.container = value;
    if (name == "follow") options.follow = ParseBool(value);
    if (name == "previous") options.previous = ParseBool(value);
    if (name == "timestamps") options.timestamps = ParseBool(value);
    if (number != nullptr) {
      *number = ParseInt(value);
      if (!*number) {
        return BadRequest("strconv.ParseInt: parsing " + Quote(value) + ": invalid syntax");
      }
    }
    if (name == "sinceTime") {
      options.since_time = ParseRfc3339(value);
      if (!options.since_time) {
        return BadRequest("parsing time " + Quote(value) +
                          " as \"2006-01-02T15:04:05Z07:00\": cannot parse " + Quote(value) +
                          " as \"2006\"");
      }
    }
  }
  if (auto error = Check(pod_name, options)) return *std::move(error);
  return options;
}

std::optional<Json> ChooseContainer(const Json& pod, LogOptions& options) {
  const std::string pod_name = GetString(pod, {"metadata", "name"});
  std::vector<std::string> main;
  std::vector<std::string> init;
  for (const Json& c : GetArray(pod, {"spec", "containers"})) main.push_back(GetString(c, "name"));
  for (const Json& c : GetArray(pod, {"spec", "initContainers"})) {
    init.push_back(GetString(c, "name"));
  }
  if (options.container.empty() && main.size() == 1 && init.empty()) options.container = main[0];
  if (options.container.empty()) {
    std::string message = "a container name must be specified for pod " + pod_name +
                          ", choose one of: [" + Join(main, " ") + "]";
    if (!init.empty()) message += " or one of the init containers: [" + Join(init, " ") + "]";
    return kube::StatusBadRequest(message);
  }
  const auto has = [&](const std::vector<std::string>& names) {
    return std::ranges::find(names, options.container) != names.end();
  };
  if (has(main) || has(init)) return std::nullopt;
  return kube::StatusBadRequest("container " + options.container + " is not valid for pod " +
                                pod_name);
}

LogRenderer::LogRenderer(const LogOptions& options, Time now)
    : timestamps_(options.timestamps), left_(options.limit_bytes.value_or(-1)) {
  if (options.since_seconds) since_ = LogTime(now - std::chrono::seconds(*options.since_seconds));
  if (options.since_time) since_ = LogTime(*options.since_time);
}

std::string LogRenderer::Render(std::string_view bytes) {
  std::string out;
  while (!bytes.empty() && left_ != 0) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      rest_.append(bytes);
      break;
    }
    std::string text;
    if (rest_.empty()) {
      text = RenderEntry(bytes.substr(0, end));
    } else {
      rest_.append(bytes.substr(0, end));
      text = RenderEntry(rest_);
      rest_.clear();
    }
    bytes.remove_prefix(end + 1);
    if (left_ > 0) {
      text.resize(std::min(text.size(), static_cast<std::size_t>(left_)));
      left_ -= static_cast<std::int64_t>(text.size());
    }
    out += text;
  }
  return out;
}

// Entries that are not of the form were cut off by a crash in mid-write: nobody sees them.
std::string LogRenderer::RenderEntry(std::string_view entry) {
  const std::size_t blank = entry.find(' ');
  if (blank == std::string_view::npos || entry.size() < blank + kFull.size()) return {};
  const std::string_view time = entry.substr(0, blank);
  const std::string_view tag = entry.substr(blank, kFull.size());
  if ((tag != kFull && tag != kPartial) || time < since_) return {};
  std::string text;
  if (timestamps_) text = std::string(time) + " ";
  text += entry.substr(blank + kFull.size());
  if (tag == kFull) text += '\n';
  return text;
}

std::optional<std::size_t> TailStart(std::string_view bytes, std::int64_t lines) {
  if (lines <= 0) return bytes.size();
  std::size_t begin = bytes.size();
  while (begin > 0) {
    // The line feed before the entry that ends at `begin`.
    const std::size_t feed = begin < 2 ? std::string_view::npos : bytes.rfind('\n', begin - 2);
    if (feed == std::string_view::npos) return std::nullopt;
    begin = feed + 1;
    if (--lines == 0) return begin;
  }
  return std::nullopt;
}

}  // namespace weir::kubelet
