// SPDX-License-Identifier: MIT
// The command line of the benchmark programs, as a user types it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "impl/os/deadline.h"
#include "impl/os/run_program_test.h"

namespace ipc::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

ProgramResult run(const std::string& program, const std::string& arguments) {
  return run_program(std::string(IPCBENCH_PROGRAMS) + "/" + program + " " + arguments);
}

constexpr const char* kOne =
    "'--benchmark_filter=^pipe_latency/os_pipe/bytes:64/placement:same$' --messages=50";

// A short run of each series has a row with that column.
void expect_rows(const char* program, const char* batch, const char* column,
                 std::initializer_list<const char*> all) {
  for (const std::string series : all) {
    const ProgramResult result = run(program, "'--benchmark_filter=^" + series + "$' --batches=2 " +
                                                  batch + " --benchmark_format=json");
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr(column));
    EXPECT_THAT(result.output, Not(HasSubstr("error_occurred")));
  }
}

// The row of one series. Throws where there is none.
nlohmann::json row_of(const std::string& program, const std::string& series,
                      const std::string& batches) {
  const ProgramResult result =
      run(program, "'--benchmark_filter=^" + series + "$' " + batches + " --benchmark_format=json");
  EXPECT_EQ(result.status, 0) << result.output;
  return nlohmann::json::parse(result.output.substr(result.output.find('{')))["benchmarks"].at(0);
}

TEST(BenchmarkProcesses, AnswerEveryQuestionAboutSharedValues) {
  expect_rows("bench_shared", "--messages=200", "cpu_ns_per_message",
              {"value_update/anonymous[+]futex/processes:2/placement:free",
               "value_update/anonymous[+]atomic/processes:1/placement:same",
               "value_read_mostly/anonymous[+]latch/bytes:64/processes:2/placement:same",
               "array_copy/memfd[+]none/bytes:4096/placement:same",
               "array_handoff/file[+]futex/bytes:64/placement:same",
               "lock_handoff/anonymous[+]pthread_robust/processes:2/placement:same"});
}

TEST(BenchmarkProcesses, AnswerEveryQuestionAboutProcesses) {
  expect_rows(
      "bench_process", "--messages=20", "messages_per_second",
      {"process_start/fork/placement:same", "process_start/vfork/placement:free",
       "process_start/clone/placement:same", "process_start/posix_spawn/placement:same",
       "process_start/process/placement:same", "process_start/thread/placement:same",
       "pool_apply/pool/processes:1/placement:free", "pool_map/pool/processes:2/placement:free",
       "pool_map/process_per_task/processes:2/placement:free",
       "cpu_bound/processes/processes:2/placement:free",
       "cpu_bound/threads/processes:2/placement:free", "cpu_bound/pool/processes:2/placement:free",
       "io_bound/threads/processes:4/placement:free"});
}

TEST(BenchmarkProcesses, AnswerEveryQuestionAboutManagers) {
  expect_rows("bench_manager", "--messages=40", "messages_per_second",
              {"manager_call/unix_socket/bytes:4096/op:dict_get/clients:1/placement:cross",
               "manager_call/tcp/bytes:64/op:dict_set/clients:1/placement:same",
               "manager_call/unix_socket/op:.*/clients:1/placement:same",
               "manager_call/tcp/op:.*/clients:4/placement:free",
               "manager_call/shm_ring.*/op:dict_set/clients:1/placement:cross",
               "manager_pipelined/unix_socket/op:.*/clients:1/placement:same",
               "manager_pipelined/tcp/op:dict_set/clients:1/placement:free",
               "manager_connect/.*/clients:1/placement:free"});
}

TEST(BenchmarkProcesses, BillTheServerOfAManager) {
  const auto row =
      row_of("bench_manager", "manager_call/unix_socket/op:list_index/clients:1/placement:same",
             "--messages=500 --batches=2");
  // On one CPU each of the two waits for the other in each call, and only the client is a peer.
  EXPECT_GT(row["voluntary_switches_per_message"], 1.5);
}

TEST(BenchmarkProcesses, BillTheProcessesThatTheyHaveStarted) {
  const auto row = row_of("bench_process", "cpu_bound/pool/processes:1/placement:free",
                          "--messages=500 --batches=2");
  // 20 000 rounds, each of which needs the one before, cannot take less.
  EXPECT_GT(row["cpu_ns_per_message"], 10'000) << "the worker's time is missing";
}

// Who sleeps takes far less than a tenth of the silence, who spins far more, whatever else runs.
TEST(BenchmarkProcesses, BillWhoWaitsForWhatComesAfterASilence) {
  for (const auto& [program, series, sleeps] :
       std::initializer_list<std::tuple<const char*, const char*, bool>>{
           {"bench_pipe", "pipe_idle_cost/shm_ring_spin/bytes:64/placement:cross", false},
           {"bench_queue", "queue_idle_cost/pipe_feeder/bytes:64/placement:cross", true}}) {
    const auto row = row_of(program, series, "--batches=1");
    EXPECT_EQ(row["messages"], 1);
    EXPECT_GE(row["real_time"], 2e9);
    EXPECT_EQ(row["cpu_ns_per_message"] < 2e8, sleeps) << row["cpu_ns_per_message"];
    EXPECT_FALSE(row.contains("messages_per_second"));
  }
}

TEST(BenchmarkProcesses, AskHugeMessagesOfStreamsOfOnePair) {
  for (const auto& [program, one] : std::initializer_list<std::pair<const char*, const char*>>{
           {"bench_pipe", "pipe_throughput/shm_ring/bytes:67108864/placement:cross"},
           {"bench_queue",
            "queue_throughput/shm_robust/bytes:67108864/producers:1/consumers:1/"
            "placement:cross"}}) {
    const ProgramResult list =
        run(program, "--benchmark_list_tests --benchmark_filter=bytes:67108864");
    EXPECT_EQ(list.status, 0);
    EXPECT_THAT(list.output, HasSubstr(one));
    for (const char* no : {"latency", "placement:free", "msgpack", "producers:2", "in_place"}) {
      EXPECT_THAT(list.output, Not(HasSubstr(no)));
    }
  }
  const ProgramResult measured =
      run("bench_pipe",
          "'--benchmark_filter=^pipe_throughput/unix_stream/bytes:67108864/placement:same$' "
          "--messages=1 --batches=1");
  EXPECT_EQ(measured.status, 0) << measured.output;
}

TEST(BenchmarkProcesses, ListWhatTheyMeasure) {
  for (const char* program : {"bench_pipe", "bench_queue", "bench_shared", "bench_process",
                              "bench_manager", "bench_floor"}) {
    const ProgramResult result = run(program, "--list");
    ASSERT_EQ(result.status, 0);
    const auto list = nlohmann::json::parse(result.output);
    EXPECT_EQ(list["program"], program);
    ASSERT_FALSE(list["series"].empty());
    std::set<std::string> names;
    for (const auto& series : list["series"]) EXPECT_TRUE(names.insert(series["name"]).second);
    for (const auto& backend : list["backends"]) EXPECT_THAT(backend["summary"], Not(""));
  }
}

TEST(BenchmarkProcesses, WriteRowsWithBareNamesAndTimesPerMessage) {
  const auto file =
      std::filesystem::temp_directory_path() / ("program_test_" + std::to_string(getpid()));
  const ProgramResult result =
      run("bench_pipe", std::string(kOne) + " --batches=3 --benchmark_out=" + file.string() +
                            " --histogram_out=" + file.string() + ".csv");
  ASSERT_EQ(result.status, 0) << result.output;
  std::ifstream json(file);
  const auto document = nlohmann::json::parse(json);
  ASSERT_EQ(document["benchmarks"].size(), 1u);
  const auto& row = document["benchmarks"][0];
  EXPECT_EQ(row["name"], "pipe_latency/os_pipe/bytes:64/placement:same");
  EXPECT_EQ(row["run_name"], row["name"]);
  EXPECT_EQ(row["iterations"], 3);
  EXPECT_EQ(row["messages"], 50);
  EXPECT_EQ(row["label"], "rtt");
  const double cpu = row["cpu_ns_per_message"];
  EXPECT_NEAR(row["cpu_time"], cpu, cpu * 1e-9);
  EXPECT_GT(row["p50_ns"], 0);
  EXPECT_FALSE(row.contains("p99_ns")) << "150 round trips say nothing about that";
  std::ifstream csv(file.string() + ".csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "series,low_ns,high_ns,count");
  std::size_t samples = 0;
  while (std::getline(csv, line)) samples += std::stoul(line.substr(line.rfind(',') + 1));
  EXPECT_EQ(samples, 150u);
  std::filesystem::remove(file);
  std::filesystem::remove(file.string() + ".csv");
}

TEST(BenchmarkProcesses, MeasureABackendThatIsOneFile) {
  const ProgramResult list = run("toy_bench", "--list");
  EXPECT_THAT(list.output, HasSubstr("pipe_throughput/toy/bytes:64/codec:msgpack/placement:cross"));
  EXPECT_THAT(list.output, HasSubstr("socketpair of sequenced packets"));
  EXPECT_THAT(list.output, HasSubstr("its messages have at most 32768 bytes"));
  const ProgramResult measured =
      run("toy_bench", "'--benchmark_filter=/toy/bytes:64/.*same' --messages=50");
  EXPECT_EQ(measured.status, 0) << measured.output;
}

TEST(BenchmarkProcesses, SaySoWhenASeriesFails) {
  const ProgramResult result =
      run("bench_pipe", std::string(kOne) + " --time_limit=0.001 --messages=100000");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.output, HasSubstr("did not answer in time"));
}

TEST(BenchmarkProcesses, RefuseWhatMakesNoSense) {
  for (const auto& [arguments, reason] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--benchmark_filter=pipe_latency/no_such", "pipe_latency/unix_stream"},
           {"--benchmark_filter='('", "no regular expression"},
           {"--benchmark_min_time=1", "refused"},
           {"--benchmark_repetitions=3", "refused"},
           {"--messages=0", "wanted a number from 1"},
           {"--messages=many", "wanted a number"},
           {"--batches=", "wanted a number"},
           {"--capacity=-1", "wanted a number"},
           {"--time_limit=0", "wanted a number"},
           {"--benchmark_format=xml", "console or json"},
           {"--benchmark_out_format=csv", "wanted json"},
           {"--benchmark_out=/no/such/folder/file", "can be written"},
           {"--no_such_flag", "unknown argument"},
           {"stray", "unknown argument"},
           {"--histogram_out=/no/such/folder/file", "cannot be written"}}) {
    const ProgramResult result = run("bench_pipe", arguments);
    EXPECT_EQ(result.status, 2) << arguments;
    EXPECT_THAT(result.output, HasSubstr(reason)) << arguments;
  }
}

// The message queues of System V: those of a series that was cut off would stay.
std::set<std::string> sysv_queues() {
  std::set<std::string> queues;
  std::ifstream table("/proc/sysvipc/msg");
  std::string line;
  std::getline(table, line);  // the heading
  for (std::string key, number; table >> key >> number && std::getline(table, line);) {
    queues.insert(number);
  }
  return queues;
}

bool has_new(const std::set<std::string>& before) {
  const std::set<std::string> now = sysv_queues();
  return !std::includes(before.begin(), before.end(), now.begin(), now.end());
}

TEST(BenchmarkProcesses, LeaveNothingWhenTheyAreAskedToEnd) {
  if (!std::filesystem::exists("/proc/sysvipc/msg")) GTEST_SKIP() << "there are no such queues";
  for (const int number : {SIGINT, SIGTERM}) {
    const std::set<std::string> before = sysv_queues();
    const std::string path = std::string(IPCBENCH_PROGRAMS) + "/bench_queue";
    const pid_t program = fork();
    if (program == 0) {
      signal(number, SIG_DFL);
      if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
      execl(path.c_str(), path.c_str(),
            "--benchmark_filter=^queue_throughput/sysv_mq/bytes:64/producers:1/consumers:1/"
            "placement:free$",
            "--messages=100000000", nullptr);
      _exit(127);
    }
    const Deadline patience = Deadline::after(std::chrono::seconds(60));
    while (!has_new(before) && !patience.passed()) usleep(1000);
    EXPECT_TRUE(has_new(before)) << "it has not begun";
    usleep(50'000);  // the peers are at work
    kill(program, number);
    int raw = 0;
    ASSERT_EQ(waitpid(program, &raw, 0), program);
    EXPECT_TRUE(WIFSIGNALED(raw) && WTERMSIG(raw) == number) << raw;
    EXPECT_FALSE(has_new(before));
  }
}

}  // namespace
}  // namespace ipc::bench
