#include "autoscale/replay.h"

#include <algorithm>
#include <cstddef>

#include "autoscale/record.h"
#include "autoscale/scenario.h"
#include "base/json.h"
#include "base/strings.h"

namespace weir::autoscale {
namespace {

// Takes a text apart, document by document.
class Documents {
 public:
  explicit Documents(std::string_view text) : rest_(text) {}

  // Whether there is another one, which text() then is; it begins at line().
  bool Next() {
    do {
      if (rest_.empty()) return false;
      line_ += lines_;
      lines_ = 0;
      text_ = Take();
    } while (Trim(text_).empty());
    const std::string_view first = Trim(text_);
    if (first != "{" && first != "[") return true;
    while (!rest_.empty() && (std::string_view(" \t\r\n").contains(rest_.front()))) Extend();
    if (!rest_.empty() && std::string_view("}]").contains(rest_.front())) Extend();
    return true;
  }

  std::string_view text() const { return text_; }
  std::size_t line() const { return line_; }

 private:
  std::string_view Take() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size() - 1) + 1;
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    ++lines_;
    return line;
  }

  void Extend() { text_ = {text_.data(), text_.size() + Take().size()}; }

  std::string_view rest_;
  std::string_view text_;
  std::size_t line_ = 1;   // where text_ begins
  std::size_t lines_ = 0;  // of text_
};

Json Outcome(const Json& record) {
  const Json* to = Find(record, "to");
  return {{"to", to != nullptr ? *to : Json()}, {"changed", GetBool(record, {"changed"}, false)}};
}

bool IsA(const Json& object, std::string_view kind) { return GetString(object, "kind") == kind; }

class Replayer {
 public:
  Replayer(bool upstream_exact, const AnswerFn& told) : exact_(upstream_exact), told_(told) {}

  void Answer(const Documents& documents) {
    where_ = "line " + std::to_string(documents.line());
    const Result<Json> document = ParseJson(documents.text());
    if (!document) {
      Refuse(document.error());
    } else if (IsA(*document, "List") || IsA(*document, "DecisionList")) {
      List(*document);
    } else if (document->contains("kind")) {
      Decision(*document);
    } else {
      const Result<std::string> answer = Replay(documents.text(), exact_);
      if (answer) {
        told_(answer);
      } else {
        Refuse(answer.error());
      }
    }
  }

  bool fine() const { return fine_; }

 private:
  void List(const Json& list) {
    const Json* items = Find(list, "items");
    if (items == nullptr || !items->is_array()) {
      Refuse({.code = Code::kInvalid, .message = "items: must be a list"});
      return;
    }
    const std::string line = where_;
    std::size_t number = 0;
    for (const Json& item : *items) {
      where_ = line + ": items[" + std::to_string(number++) + "]";
      Decision(item);
    }
  }

  void Decision(const Json& decision) {
    if (!IsA(decision, "Decision")) {
      Refuse({.code = Code::kInvalid, .message = "kind: must be Decision"});
      return;
    }
    const std::string name = GetString(decision, {"metadata", "name"});
    where_ += ": decision " + name;
    const Json* scenario = Find(decision, "scenario");
    if (scenario == nullptr) {
      Refuse({.code = Code::kInvalid,
              .message = "has no scenario: its inputs were too large to be kept"});
      return;
    }
    if (!scenario->is_string()) {
      Refuse({.code = Code::kInvalid, .message = "scenario: must be a string"});
      return;
    }
    Json replayed;
    const Result<std::string> answer =
        Replay(scenario->get_ref<const std::string&>(), exact_,
               [&](const Inputs& inputs, const Json&) { replayed = MakeRecord(inputs, {}); });
    if (!answer) {
      Refuse({.code = Code::kInvalid, .message = "scenario: " + answer.error().message});
      return;
    }
    Json line = ParseJson(*answer).value_or(Json::object());
    line["decision"] = name;
    line["recorded"] = Outcome(decision);
    line["replayed"] = Outcome(replayed);
    const bool same = line["recorded"] == line["replayed"];
    line["same"] = same;
    fine_ = fine_ && same;
    told_(DumpJson(line));
  }

  void Refuse(const Error& error) {
    fine_ = false;
    told_(Prefixed(where_, error));
  }

  bool exact_;
  const AnswerFn& told_;
  std::string where_;
  bool fine_ = true;
};

}  // namespace

bool ReplayAll(std::string_view text, bool upstream_exact, const AnswerFn& told) {
  Documents documents(text);
  Replayer replayer(upstream_exact, told);
  while (documents.Next()) replayer.Answer(documents);
  return replayer.fine();
}

}  // namespace weir::autoscale
