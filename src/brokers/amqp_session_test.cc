#include "brokers/amqp_session.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::brokers {
namespace {

using Type = AmqpEvent::Type;

// What a broker says, by hand: shows the bytes, and needs no encoder to be right.
std::string Frame(AmqpFrameType type, std::uint16_t channel, std::string_view payload) {
  std::string out;
  AppendAmqpFrame(out, type, channel, payload);
  return out;
}
std::string Method(std::uint16_t channel, std::string_view payload) {
  return Frame(AmqpFrameType::kMethod, channel, payload);
}
std::string Bytes(std::initializer_list<int> numbers) {
  std::string out;
  for (const int number : numbers) out += static_cast<char>(number);
  return out;
}
std::string Start(std::string_view mechanisms = "PLAIN") {
  return Method(
      0, Bytes({0, 10, 0, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, static_cast<int>(mechanisms.size())}) +
             std::string(mechanisms) + Bytes({0, 0, 0, 0}));
}
const std::string kTune = Method(0, Bytes({0, 10, 0, 30, 7, 255, 0, 2, 0, 0, 0, 60}));
const std::string kOpenOk = Method(0, Bytes({0, 10, 0, 41, 0}));
const std::string kDeclareOk =
    Method(1, Bytes({0, 50, 0, 11, 2}) + "Qs" + Bytes({0, 0, 0, 7, 0, 0, 0, 2}));
const std::string kNotFound =
    Method(1, Bytes({0, 20, 0, 40, 1, 148, 4}) + "gone" + Bytes({0, 50, 0, 10}));
const std::string kDeliver =
    Method(4, Bytes({0, 60, 0, 60, 1}) + "c" + Bytes({0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 2}) + "Qs");
// A body of `size`, with the message id "id" and headers {a: 5 (I32), b: "x"}.
std::string Header(int size) {
  const std::string table =
      Bytes({1}) + "aI" + Bytes({0, 0, 0, 5, 1}) + "bS" + Bytes({0, 0, 0, 1}) + "x";
  return Frame(AmqpFrameType::kHeader, 4,
               Bytes({0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, size, 0x20, 0x80, 0, 0, 0,
                      static_cast<int>(table.size())}) +
                   table + Bytes({2}) + "id");
}
std::string Body(std::string_view text) { return Frame(AmqpFrameType::kBody, 4, text); }
const std::string kGreeting = Start() + kTune + kOpenOk;

std::vector<AmqpEvent> Events(AmqpSession& session) {
  std::vector<AmqpEvent> events;
  while (auto event = session.Next()) events.push_back(*event);
  return events;
}

TEST(AmqpSession, LogsInAndAgreesOnHeartbeats) {
  AmqpLogin login;
  login.user = "me";
  login.password = "secret";
  login.vhost = "v";
  AmqpSession session(login);
  EXPECT_EQ(session.TakeOutput(), std::string("AMQP\0\0\x09\x01", 8));
  ASSERT_TRUE(session.Feed(Start("AMQPLAIN PLAIN")));
  EXPECT_NE(session.TakeOutput().find(std::string("\0me\0secret", 10)), std::string::npos);
  ASSERT_TRUE(session.Feed(kTune));
  const std::string tuned = session.TakeOutput();
  EXPECT_TRUE(tuned.starts_with(Method(0, Bytes({0, 10, 0, 31, 7, 255, 0, 1, 0, 0, 0, 10}))));
  EXPECT_TRUE(tuned.ends_with(Method(0, Bytes({0, 10, 0, 40, 1}) + "v" + Bytes({0, 0}))));
  EXPECT_FALSE(session.open());
  ASSERT_TRUE(session.Feed(kOpenOk));
  EXPECT_TRUE(session.open());
  EXPECT_EQ(session.heartbeat(), std::chrono::seconds(10));
  session.Heartbeat();
  EXPECT_EQ(session.TakeOutput(), Bytes({8, 0, 0, 0, 0, 0, 0, 0xCE}));
}

TEST(AmqpSession, TellsWhatHappenedHoweverTheBytesWereCut) {
  const std::string bytes = kGreeting + kDeclareOk + kNotFound + kDeliver + Header(5) + Body("he") +
                            Frame(AmqpFrameType::kHeartbeat, 0, "") + Body("llo") +
                            Method(3, Bytes({0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 4, 1})) +
                            Method(4, Bytes({0, 60, 0, 30, 1}) + "c" + Bytes({0}));
  std::vector<AmqpEvent> whole;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    AmqpSession session({});
    ASSERT_TRUE(session.Feed(bytes.substr(0, cut)));
    ASSERT_TRUE(session.Feed(bytes.substr(cut)));
    const std::vector<AmqpEvent> events = Events(session);
    if (cut == 0) whole = events;
    ASSERT_EQ(events, whole) << cut;
  }
  ASSERT_EQ(whole.size(), 6U);
  EXPECT_EQ(whole[0].type, Type::kOpened);
  EXPECT_EQ(whole[1].type, Type::kDeclared);
  EXPECT_EQ(whole[1].text, "Qs");
  EXPECT_EQ(whole[1].messages, 7U);
  EXPECT_EQ(whole[1].consumers, 2U);
  EXPECT_EQ(whole[2].type, Type::kChannelClosed);
  EXPECT_EQ(whole[2].code, 404);
  EXPECT_EQ(whole[2].text, "gone");
  EXPECT_EQ(whole[3].type, Type::kDelivered);
  EXPECT_EQ(whole[3].message, (AmqpMessage{"id", "hello", {{"a", 5}}, std::nullopt}));
  EXPECT_EQ(whole[3].tag, 9U);
  EXPECT_TRUE(whole[3].redelivered);
  EXPECT_EQ(whole[4].type, Type::kConfirmed);
  EXPECT_EQ(whole[4].tag, 4U);
  EXPECT_TRUE(whole[4].multiple && whole[4].positive);
  EXPECT_EQ(whole[5].type, Type::kCancelled);
}

TEST(AmqpSession, RefusesWhatIsNoAnswer) {
  const std::string closed = Bytes({0, 10, 0, 50, 1, 147, 7}) + "refused" + Bytes({0, 0, 0, 0});
  const struct {
    std::string bytes;
    Code code;
    const char* message;
  } cases[] = {
      {"HTTP/1.1 400 Bad Request", Code::kInvalid, "does not speak AMQP"},
      {std::string("AMQP\0\0\x09\x01", 8), Code::kInvalid, "does not speak AMQP"},
      {Bytes({1, 0, 0, 0, 1, 0, 0}), Code::kInvalid, "frame of 65536 bytes"},
      {Bytes({1, 0, 0, 0, 0, 0, 3}), Code::kInvalid, "frame of 3 bytes: expected 4"},
      {Bytes({2, 0, 1, 0, 0, 0, 13}), Code::kInvalid, "frame of 13 bytes: expected 14"},
      {Bytes({8, 0, 0, 0, 0, 0, 0, 0xCD}), Code::kInvalid, "without its end mark"},
      {Method(0, Bytes({0, 10, 0, 10, 0})), Code::kInvalid, "malformed AMQP method"},
      {Method(0, Bytes({9, 9, 9, 9})), Code::kInvalid, "malformed AMQP method"},
      {Start("EXTERNAL"), Code::kForbidden, "user and password"},
      {Method(0, Bytes({0, 10, 0, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})), Code::kInvalid,
       "speaks AMQP 1.0"},
      {Start() + Method(0, closed), Code::kForbidden, "refused (code 403)"},
      {kGreeting + Method(1, Bytes({0, 10, 0, 41, 0})), Code::kInvalid, "unexpected AMQP method"},
      {kGreeting + Header(1), Code::kInvalid, "unexpected AMQP header"},
      {kGreeting + Body("x"), Code::kInvalid, "unexpected AMQP body"},
      {kGreeting + kDeliver + Body("x"), Code::kInvalid, "unexpected AMQP body"},
      {kGreeting + kDeliver + Header(1) + Body("xy"), Code::kInvalid, "unexpected AMQP body"},
      {kGreeting + kDeliver + kDeliver, Code::kInvalid, "within a message"},
      {kGreeting + kDeliver + Header(101), Code::kInvalid, "the limit is 100"},
  };
  for (const auto& c : cases) {
    AmqpLimits limits;
    limits.max_message_bytes = 100;
    AmqpSession session({}, limits);
    const Status fed = session.Feed(c.bytes);
    ASSERT_FALSE(fed) << c.message;
    EXPECT_EQ(fed.error().code, c.code) << c.message;
    EXPECT_NE(fed.error().message.find(c.message), std::string::npos) << fed.error().message;
  }
}

TEST(AmqpSession, CutsABodyIntoFrames) {
  AmqpSession session({});
  ASSERT_TRUE(session.Feed(kGreeting));
  session.TakeOutput();
  AmqpMessage message;
  message.id = "id";
  message.body = std::string(kAmqpFrameBytesMax + 10, 'x');
  message.headers["attempts"] = 3;
  message.expiration = std::chrono::microseconds(1500);
  session.Publish(3, "Q", message);
  AmqpFrameReader reader;
  reader.Feed(session.TakeOutput());
  std::vector<AmqpFrame> frames;
  while (true) {
    auto frame = reader.Next();
    ASSERT_TRUE(frame) << frame.error().message;
    if (!*frame) break;
    frames.push_back(**frame);
  }
  ASSERT_EQ(frames.size(), 4U);
  EXPECT_NE(frames[1].payload.find("attempts"), std::string::npos);
  EXPECT_NE(frames[1].payload.find(Bytes({1}) + "2" + Bytes({2}) + "id"), std::string::npos)
      << "expires after 2 ms";
  EXPECT_EQ(frames[2].payload.size(), kAmqpFrameBytesMax - kAmqpFrameOverhead);
  EXPECT_EQ(frames[2].payload + frames[3].payload, message.body);
}

}  // namespace
}  // namespace weir::brokers
