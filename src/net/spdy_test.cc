#include "net/spdy.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

#include "net/websocket.h"

namespace weir::net {
namespace {

std::string Bytes(std::initializer_list<int> numbers) {
  std::string out;
  for (const int number : numbers) out += static_cast<char>(number);
  return out;
}

// As a port-forward's client names an error stream, before compression.
std::string ErrorStreamHeaders() {
  return Bytes({0, 0, 0, 3, 0, 0, 0, 4}) + "port" + Bytes({0, 0, 0, 2}) + "80" +
         Bytes({0, 0, 0, 9}) + "requestid" + Bytes({0, 0, 0, 1}) + "0" + Bytes({0, 0, 0, 10}) +
         "streamtype" + Bytes({0, 0, 0, 5}) + "error";
}

// A zlib stream that is stored, not compressed, after the dictionary's id: any inflater reads it.
std::string Stored(const std::string& text, bool first) {
  std::string out = first ? Bytes({0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2}) : std::string();
  const int size = static_cast<int>(text.size());
  out += Bytes({0, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255}) + text;
  return out;
}

std::string SynStream(int stream, const std::string& block, int flags = 0) {
  const std::string payload = Bytes({0, 0, 0, stream, 0, 0, 0, 0, 0, 0}) + block;
  return Bytes({0x80, 3, 0, 1, flags, 0, 0, static_cast<int>(payload.size())}) + payload;
}

TEST(SpdySession, TakesStreamsAndDataHoweverTheBytesWereCut) {
  const std::string bytes =
      SynStream(1, Stored(ErrorStreamHeaders(), true), 1) +
      SynStream(3, Stored(ErrorStreamHeaders(), false)) + Bytes({0, 0, 0, 3, 0, 0, 0, 2}) + "hi" +
      Bytes({0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7}) + Bytes({0, 0, 0, 3, 1, 0, 0, 0}) +
      Bytes({0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 5});
  std::vector<SpdyEvent> whole;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    SpdySession session;
    ASSERT_TRUE(session.Feed(bytes.substr(0, cut)));
    ASSERT_TRUE(session.Feed(bytes.substr(cut)));
    std::vector<SpdyEvent> events;
    while (auto event = session.Next()) events.push_back(*event);
    if (cut == 0) whole = events;
    ASSERT_EQ(events, whole) << cut;
    ASSERT_EQ(session.TakeOutput(), Bytes({0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7})) << "the ping";
  }
  ASSERT_EQ(whole.size(), 5U);
  EXPECT_EQ(whole[0].headers,
            (Headers{{"port", "80"}, {"requestid", "0"}, {"streamtype", "error"}}));
  EXPECT_TRUE(whole[0].last);
  EXPECT_EQ(whole[1].stream, 3U);
  EXPECT_FALSE(whole[1].last);
  EXPECT_EQ(whole[2].data, "hi");
  EXPECT_TRUE(whole[3].last && whole[3].data.empty());
  EXPECT_EQ(whole[4].type, SpdyEvent::Type::kReset);
}

TEST(SpdySession, AnswersAreReadableByAnInflaterWithTheDictionary) {
  SpdySession session;
  session.Accept(1);
  session.Accept(3);
  const std::string out = session.TakeOutput();
  EXPECT_EQ(out.substr(0, 4), Bytes({0x80, 3, 0, 2}));
  // The block of the first reply begins with zlib's head and the dictionary's id.
  EXPECT_EQ(out.substr(12 + 2, 4), Bytes({0xe3, 0xc6, 0xa7, 0xc2}));
  session.Send(1, std::string(70'000, 'x'), true);
  const std::string data = session.TakeOutput();
  EXPECT_EQ(data.substr(0, 8), Bytes({0, 0, 0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(data.substr(8 + 65536, 8), Bytes({0, 0, 0, 1, 1, 0, 0x11, 0x70}));
  session.Send(1, "", true);
  EXPECT_EQ(session.TakeOutput(), Bytes({0, 0, 0, 1, 1, 0, 0, 0}));
  session.Reset(3);
  EXPECT_EQ(session.TakeOutput().size(), 16U);
}

TEST(SpdySession, RefusesWhatIsNone) {
  const std::string bomb = [] {
    std::string plain(1U << 20U, '\0');
    std::string block(8192, '\0');
    z_stream z{};
    deflateInit(&z, Z_BEST_COMPRESSION);
    z.next_in = reinterpret_cast<Bytef*>(plain.data());
    z.avail_in = static_cast<uInt>(plain.size());
    z.next_out = reinterpret_cast<Bytef*>(block.data());
    z.avail_out = static_cast<uInt>(block.size());
    deflate(&z, Z_SYNC_FLUSH);
    block.resize(block.size() - z.avail_out);
    deflateEnd(&z);
    const int size = static_cast<int>(block.size()) + 10;
    return Bytes({0x80, 3, 0, 1, 0, 0, size >> 8, size & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}) +
           block;
  }();
  const std::pair<std::string, const char*> cases[] = {
      {Bytes({0x80, 2, 0, 1, 0, 0, 0, 0}), "SPDY version 2"},
      {Bytes({0, 0, 0, 1, 0, 0x10, 0, 1}), "frame of 1048577 bytes"},
      {Bytes({0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0}), "SYN_STREAM: broken off"},
      {Bytes({0x80, 3, 0, 3, 0, 0, 0, 1, 0}), "RST_STREAM: broken off"},
      {SynStream(1, "no zlib"), "broken compression"},
      {SynStream(1, Stored(Bytes({0, 0, 0, 9}), true)), "headers: broken off"},
      {SynStream(1, Stored(Bytes({0, 0, 0, 1, 255, 255, 255, 255}), true)), "headers: broken off"},
      {bomb, "above the limit of 65536 bytes"},
  };
  for (const auto& [bytes, message] : cases) {
    SpdySession session;
    const Status fed = session.Feed(bytes);
    ASSERT_FALSE(fed) << message;
    EXPECT_NE(fed.error().message.find(message), std::string::npos) << fed.error().message;
  }
}

TEST(WebSocket, AcceptsAKeyAsTheStandardSays) {
  EXPECT_EQ(WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, CarriesBytesInBothDirections) {
  const auto masked = [](int opcode, const std::string& text) {
    std::string out = Bytes({0x80 | opcode, 0x80 | static_cast<int>(text.size()), 1, 2, 3, 4});
    for (std::size_t i = 0; i < text.size(); ++i)
      out += static_cast<char>(text[i] ^ "\1\2\3\4"[i % 4]);
    return out;
  };
  const std::string bytes =
      masked(2, "hello") + masked(9, "ping") + masked(2, "") + masked(0, "!") + masked(10, "pong");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    WebSocketCodec codec;
    const auto first = codec.Feed(bytes.substr(0, cut));
    const auto second = codec.Feed(bytes.substr(cut));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first + *second, "hello!");
    EXPECT_EQ(codec.TakeOutput(), Bytes({0x8A, 4}) + "ping");
  }
  WebSocketCodec codec;
  codec.Send("hi");
  EXPECT_EQ(codec.TakeOutput(), Bytes({0x82, 2}) + "hi");
  codec.Send(std::string(300, 'x'));
  EXPECT_EQ(codec.TakeOutput().substr(0, 4), Bytes({0x82, 126, 1, 44}));
  codec.Send(std::string(70'000, 'x'));
  EXPECT_EQ(codec.TakeOutput().substr(0, 10), Bytes({0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70}));
  ASSERT_TRUE(codec.Feed(masked(8, "") + masked(2, "late")));
  EXPECT_TRUE(codec.closed());
  for (const std::string& bad : {Bytes({0x82, 1, 'x'}), Bytes({0xC2, 0x80}), masked(5, "x"),
                                 Bytes({0x82, 0xFF, 0, 0, 0, 0, 0, 32, 0, 0, 1, 2, 3, 4})}) {
    EXPECT_FALSE(WebSocketCodec().Feed(bad));
  }
}

}  // namespace
}  // namespace weir::net
