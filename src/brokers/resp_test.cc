#include "brokers/resp.h"

#include <gtest/gtest.h>

namespace weir::brokers {
namespace {

using Type = RespValue::Type;

RespValue Text(std::string text) { return {Type::kText, std::move(text), 0, {}}; }
RespValue ErrorReply(std::string text) { return {Type::kError, std::move(text), 0, {}}; }
RespValue Integer(std::int64_t value) { return {Type::kInteger, "", value, {}}; }
RespValue Array(std::vector<RespValue> elements) {
  return {Type::kArray, "", 0, std::move(elements)};
}

struct ReplyCase {
  std::string bytes;
  std::vector<RespValue> replies;
};

const std::vector<ReplyCase>& Replies() {
  static const std::vector<ReplyCase> cases = {
      {"+OK\r\n", {Text("OK")}},
      {"+\r\n", {Text("")}},
      {"-ERR no\r\n", {ErrorReply("ERR no")}},
      {":42\r\n:-7\r\n", {Integer(42), Integer(-7)}},
      {"$-1\r\n*-1\r\n", {RespValue(), RespValue()}},
      {"$0\r\n\r\n", {Text("")}},
      {"$4\r\na\r\nb\r\n", {Text("a\r\nb")}},
      {"*0\r\n", {Array({})}},
      {"*2\r\n$1\r\n0\r\n*3\r\n$1\r\na\r\n*0\r\n:1\r\n+next\r\n",
       {Array({Text("0"), Array({Text("a"), Array({}), Integer(1)})}), Text("next")}},
      {"*1\r\n*1\r\n*1\r\n-X\r\n", {Array({Array({Array({ErrorReply("X")})})})}},
  };
  return cases;
}

std::vector<RespValue> ReadAll(RespParser& parser) {
  std::vector<RespValue> replies;
  while (true) {
    Result<std::optional<RespValue>> reply = parser.Next();
    EXPECT_TRUE(reply) << reply.error().message;
    if (!reply || !*reply) return replies;
    replies.push_back(std::move(**reply));
  }
}

TEST(RespParser, ReadsRepliesHoweverTheyAreCut) {
  for (const ReplyCase& c : Replies()) {
    for (std::size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      RespParser parser;
      parser.Feed(c.bytes.substr(0, cut));
      std::vector<RespValue> replies = ReadAll(parser);
      parser.Feed(c.bytes.substr(cut));
      for (RespValue& reply : ReadAll(parser)) replies.push_back(std::move(reply));
      EXPECT_EQ(replies, c.replies) << c.bytes << " cut at " << cut;
    }
    RespParser drip;
    std::vector<RespValue> replies;
    for (const char byte : c.bytes) {
      drip.Feed(std::string_view(&byte, 1));
      for (RespValue& reply : ReadAll(drip)) replies.push_back(std::move(reply));
    }
    EXPECT_EQ(replies, c.replies) << c.bytes;
  }
}

TEST(RespParser, RefusesWhatIsNoReplyAndWhatIsTooMuch) {
  RespLimits limits;
  limits.max_reply_bytes = 1000;
  limits.max_line_bytes = 100;
  limits.max_depth = 3;
  const std::vector<std::string> cases = {
      "HTTP/1.1 400 Bad Request\r\n",
      "\r\n",
      ":x\r\n",
      ":\r\n",
      "$-2\r\n",
      "*-2\r\n",
      "$1\r\nab\r\n",
      "$1001\r\n",
      "*1000\r\n",
      "*99999999999\r\n",
      "$99999999999999999999\r\n",
      "+" + std::string(200, 'x'),
      "+" + std::string(200, 'x') + "\r\n",
      "*1\r\n*1\r\n*1\r\n*1\r\n",
      "*9\r\n$300\r\n" + std::string(300, 'x') + "\r\n$700\r\n"};
  for (const std::string& bytes : cases) {
    RespParser parser(limits);
    parser.Feed(bytes);
    const auto reply = parser.Next();
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(reply.error().code, Code::kInvalid);
    parser.Feed("+OK\r\n");
    EXPECT_FALSE(parser.Next()) << "a broken stream stays broken";
  }
}

TEST(RespParser, LimitsOneReplyNotTheConnection) {
  RespLimits limits;
  limits.max_reply_bytes = 300;
  RespParser parser(limits);
  for (int i = 0; i < 100; ++i) {
    parser.Feed("$50\r\n" + std::string(50, 'x') + "\r\n");
    EXPECT_EQ(ReadAll(parser).size(), 1U);
  }
}

TEST(AppendCommand, WritesBulkStrings) {
  std::string out;
  AppendCommand(out, {"LPUSH", "jobs", "a\r\nb", ""});
  EXPECT_EQ(out, "*4\r\n$5\r\nLPUSH\r\n$4\r\njobs\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace weir::brokers
