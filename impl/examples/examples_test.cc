// SPDX-License-Identifier: MIT
// The examples print what they say, and end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "impl/os/run_program_test.h"

namespace ipc {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

using Lines = std::vector<std::string>;

// Its lines. It must end with status 0, and soon.
Lines lines_of(const std::string& example) {
  const ProgramResult ended = run_program("timeout 60 " IPCBENCH_EXAMPLES "/" + example);
  EXPECT_EQ(ended.status, 0) << ended.output;
  Lines lines;
  std::istringstream all(ended.output);
  for (std::string line; std::getline(all, line);) lines.push_back(line);
  return lines;
}

// Those that begin so, in their order.
Lines beginning(const std::string& begin, const Lines& lines) {
  Lines found;
  std::ranges::copy_if(lines, std::back_inserter(found),
                       [&](const std::string& line) { return line.starts_with(begin); });
  return found;
}

// begin + "0", begin + "1", ...
Lines numbered(const std::string& begin, std::size_t count) {
  Lines lines;
  for (std::size_t i = 0; i < count; ++i) lines.push_back(begin + std::to_string(i));
  return lines;
}

auto place_of(const std::string& line, const Lines& lines) {
  return std::ranges::find(lines, line) - lines.begin();
}

TEST(ExampleProcesses, TalkThroughAPipe) {
  EXPECT_THAT(lines_of("pipe_between_children"),
              UnorderedElementsAre("amy", "joined again 1", "producer ends"));
  EXPECT_THAT(lines_of("pipe_once"), ElementsAre("a"));
  EXPECT_THAT(lines_of("pipe_in_one_process"),
              ElementsAre("nothing at con2", "to con1", "nothing at con1", "to con2"));
  EXPECT_THAT(lines_of("pipe_child_reports"),
              UnorderedElementsAre("child sends", "child has sent", "接受到数据==> k"));
  EXPECT_THAT(lines_of("pipe_both_ways"),
              ElementsAre("[1, 2, 3]", "['a', None, 4.5]", "from parent: 范冰冰"));
  EXPECT_THAT(lines_of("pipe_sent_end"), ElementsAre("hello amy", "exit code 0"));
  EXPECT_THAT(lines_of("pipe_roles"),
              ElementsAre("parent con1 sends: hello", "parent con2 sends: hello",
                          "parent con1 receives: hello", "parent con2 receives: hello",
                          "both con1: nothing"));
}

TEST(ExampleProcesses, SeeTheEndOfAPipeWhenAllCopiesAreClosed) {
  EXPECT_THAT(lines_of("pipe_end_of_file"),
              ElementsAre("all close what they do not use: 0 to 9",
                          "all close what they do not use: the end", "the child keeps con1: 0 to 9",
                          "the child keeps con1: waits for ever", "the parent keeps con2: 0 to 9",
                          "the parent keeps con2: the end", "the parent keeps con1: 0 to 9",
                          "the parent keeps con1: waits for ever"));
  const Lines lines = lines_of("pipe_receives_for_ever");
  EXPECT_THAT(lines, UnorderedElementsAre("[42, None, 'hello']", "666", "the child waits for ever",
                                          "terminated: -15", "[42, None, 'hello']", "666",
                                          "end of file", "ended: 0"));
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_LT(place_of("terminated: -15", lines), place_of("end of file", lines));
  EXPECT_EQ(lines.back(), "ended: 0");
}

TEST(ExampleProcesses, ShareAQueue) {
  EXPECT_THAT(lines_of("queue_end_marker"),
              ElementsAre("the queue holds 5 and the producer waits", "amy", "amy", "amy", "amy",
                          "amy", "amy", "exit codes 0 0"));
  EXPECT_THAT(lines_of("queue_keeps_items"), ElementsAre("both sleep", "qsize 1", "a"));
  // Those without a time say "at once", unless the machine was busy just then.
  EXPECT_THAT(lines_of("queue_full_and_empty"),
              ElementsAre("empty 1 full 0", "full 1 qsize 5",
                          StartsWith("put_nowait raises the queue is full"),
                          "put for a time raises the queue is full after its time", "put waits",
                          "get 0", "put is done, full 1", "get 1", "get 2", "get 3", "get 4",
                          "get 5", "empty 1", StartsWith("get_nowait raises the queue is empty"),
                          "get for a time raises the queue is empty after its time", "get waits",
                          "the reader gets 6"));
}

TEST(ExampleProcesses, AreTerminatedInAnEndlessLoop) {
  const Lines lines = lines_of("queue_reader_terminated");
  ASSERT_THAT(lines, SizeIs(10));
  EXPECT_THAT(beginning("writer", lines), ElementsAre(MatchesRegex("writer has pid [0-9]+")));
  EXPECT_THAT(beginning("reader", lines), ElementsAre(MatchesRegex("reader has pid [0-9]+")));
  EXPECT_THAT(beginning("Put", lines), ElementsAre("Put A", "Put B", "Put C"));
  EXPECT_THAT(beginning("Get", lines), ElementsAre("Get A", "Get B", "Get C"));
  for (const std::string item : {"A", "B", "C"}) {
    EXPECT_LT(place_of("Put " + item, lines), place_of("Get " + item, lines));
  }
  EXPECT_THAT(Lines(lines.end() - 2, lines.end()),
              ElementsAre("the reader ended with -15", "the parent gets D"));

  const Lines endless = lines_of("endless_exchange");
  const Lines got = beginning("receiveData got ", endless);
  EXPECT_THAT(got, SizeIs(testing::Ge(2U)));
  EXPECT_EQ(got, numbered("receiveData got ", got.size()));
  EXPECT_THAT(endless, IsSupersetOf({"both go on", "sendData -15", "receiveData -15"}));
  EXPECT_THAT(endless, SizeIs(got.size() + 3));
}

TEST(ExampleProcesses, GiveTheirResultsByAPool) {
  EXPECT_THAT(
      lines_of("process_returns_nothing"),
      ElementsAre("None", "a pid", "sub_progress success", "exit code 0", "main progress end"));
  EXPECT_THAT(lines_of("pool_result_after_join"),
              ElementsAre("join before close: the pool is still running: close it first",
                          "sub_progress success", "ready 3"));

  const Lines lines = lines_of("pool_callbacks");
  ASSERT_THAT(lines, SizeIs(32));
  Lines at_once = numbered("task /", 10);
  at_once.insert(at_once.end(), 10, "callback 1 in the parent");
  EXPECT_THAT(Lines(lines.begin(), lines.begin() + 20), UnorderedElementsAreArray(at_once));
  EXPECT_EQ(lines[20], "at the same time: 6");
  EXPECT_EQ(Lines(lines.begin() + 21, lines.begin() + 31), numbered("task /", 10));
  EXPECT_EQ(lines.back(), "by apply: 1");
}

// That child has printed the dict with its pair, and maybe the other's.
auto sees(const std::string& key, const std::string& pair) {
  return MatchesRegex(key + " by pid [0-9]+ .*" + pair + ".*");
}

TEST(ExampleProcesses, ShareWhatAManagerHas) {
  const Lines lines = lines_of("manager_dict_of_two_children");
  ASSERT_THAT(lines, SizeIs(6));
  EXPECT_THAT(
      Lines(lines.begin(), lines.begin() + 2),
      UnorderedElementsAre(sees("amyk1", "'amyk1': 'amyv1'"), sees("amyk2", "'amyk2': 'amyv2'")));
  EXPECT_THAT(lines[2], AnyOf("{'amyk1': 'amyv1', 'amyk2': 'amyv2'}",
                              "{'amyk2': 'amyv2', 'amyk1': 'amyv1'}"));
  EXPECT_THAT(Lines(lines.begin() + 3, lines.begin() + 5),
              UnorderedElementsAre(sees("a", "'a': 22"), sees("b", "'b': 23")));
  EXPECT_THAT(lines[5], AnyOf("{'a': 22, 'b': 23}", "{'b': 23, 'a': 22}"));

  EXPECT_THAT(lines_of("manager_two_servers"),
              ElementsAre("two servers", "{1: '1', '2': 2}",
                          "[0, 1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"));
  EXPECT_THAT(
      lines_of("manager_list_item"),
      ElementsAre("in the child [0, 2, 3]", "in the parent [0, 2, 3]", "set to 1 [1, 2, 3]"));
}

TEST(ExampleProcesses, GiveAQueueToTasksByAManagerOnly) {
  EXPECT_THAT(lines_of("manager_queue_in_a_pool"),
              ElementsAre("a", "a", "a", "a", "callback 1 in the parent"));
  EXPECT_THAT(lines_of("manager_queue_keeps_items"), ElementsAre("both sleep", "qsize 1", "a"));

  const std::string refused =
      "Queue objects should only be shared between processes through inheritance";
  EXPECT_THAT(lines_of("pool_refuses_a_queue"),
              ElementsAre("an error callback of the producer", refused, "send error email",
                          "one of each", refused, "send error email", refused, "send error email"));
}

}  // namespace
}  // namespace ipc
