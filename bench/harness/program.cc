// SPDX-License-Identifier: MIT
#include "bench/harness/program.h"

#include <benchmark/benchmark.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "bench/harness/options.h"
#include "bench/harness/reporter.h"
#include "bench/harness/stop.h"
#include "impl/os/affinity.h"
#include "impl/os/error.h"

namespace ipc::bench {
namespace {

std::vector<RegisterQuestion::List>& questions() {
  static std::vector<RegisterQuestion::List> lists;
  return lists;
}
std::vector<RegisterBackends::List>& backend_lists() {
  static std::vector<RegisterBackends::List> lists;
  return lists;
}

std::vector<Series> all_series() {
  std::vector<Series> all;
  for (const auto list : questions()) {
    for (Series& series : list()) all.push_back(std::move(series));
  }
  std::sort(all.begin(), all.end(), [](const Series& a, const Series& b) {
    return std::tie(a.question, a.backend) < std::tie(b.question, b.backend);
  });
  return all;
}

nlohmann::ordered_json or_null(const std::optional<std::string>& text) {
  return text ? nlohmann::ordered_json(*text) : nlohmann::ordered_json(nullptr);
}

// A number as such.
nlohmann::ordered_json json_key(const std::string& value) {
  if (value.find_first_not_of("0123456789") != std::string::npos) return value;
  return std::stoull(value);
}

void print_list(const std::string& executable, const std::vector<Series>& all) {
  nlohmann::ordered_json document;
  document["program"] = executable.substr(executable.rfind('/') + 1);
  document["cpus"] = allowed_cpus();  // in the order in which peers get them; `same` is the last
  document["series"] = nlohmann::ordered_json::array();
  for (const Series& series : all) {
    nlohmann::ordered_json keys = nlohmann::ordered_json::object();
    for (const auto& [key, value] : series.named_keys()) keys[key] = json_key(value);
    document["series"].push_back({{"name", series.name()},
                                  {"question", series.question},
                                  {"backend", series.backend},
                                  {"keys", keys},
                                  {"metric", to_string(series.metric)},
                                  {"wait_class", series.wait_class},
                                  {"skip", or_null(series.skip)}});
  }
  document["backends"] = nlohmann::ordered_json::array();
  for (const auto list : backend_lists()) {
    for (const auto& [family, name, traits] : list()) {
      document["backends"].push_back({{"family", family},
                                      {"name", name},
                                      {"summary", traits.summary},
                                      {"source", traits.source},
                                      {"wait_class", to_string(traits.wait_class)},
                                      {"max_message", traits.max_message},
                                      {"unsized_message", traits.unsized_message},
                                      {"capacity", to_string(traits.capacity)},
                                      {"producers", traits.producers},
                                      {"consumers", traits.consumers},
                                      {"order", traits.order},
                                      {"waitable", to_string(traits.waitable)},
                                      {"ordered", traits.ordered},
                                      {"passes_on", traits.passes_on},
                                      {"survives_kill", traits.survives_kill},
                                      {"killed",
                                       {{"idle", to_string(traits.killed.idle)},
                                        {"sending", to_string(traits.killed.sending)},
                                        {"receiving", to_string(traits.killed.receiving)},
                                        {"inside", to_string(traits.killed.inside)}}},
                                      {"on_kill", traits.on_kill},
                                      {"leftovers", traits.leftovers},
                                      {"needs", traits.needs},
                                      {"transports", traits.transports},
                                      {"sendable", traits.sendable},
                                      {"exclusive", traits.exclusive},
                                      {"exchanging", traits.exchanging},
                                      {"reads_alone", traits.reads_alone},
                                      {"unavailable", or_null(traits.available())}});
    }
  }
  std::cout << document.dump(1) << "\n";
}

[[noreturn]] void no_match(const std::string& filter, const std::vector<Series>& all) {
  std::set<std::string> names;
  for (const Series& series : all) names.insert(series.question + "/" + series.backend);
  std::string message = "no series matches --benchmark_filter=" + filter + "; there are";
  for (const std::string& name : names) message += "\n  " + name + "/...";
  throw ValueError(message + "\n(all of them: --benchmark_list_tests)");
}

std::vector<Series> select(const std::string& filter, const std::vector<Series>& all) {
  std::regex wanted;
  try {
    wanted = std::regex(filter, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    throw ValueError("--benchmark_filter=" + filter + " is no regular expression: " + error.what());
  }
  std::vector<Series> chosen;
  for (const Series& series : all) {
    if (std::regex_search(series.name(), wanted)) chosen.push_back(series);
  }
  if (chosen.empty()) no_match(filter, all);
  return chosen;
}

class HistogramFile {
 public:
  explicit HistogramFile(const std::string& path) {
    if (path.empty()) return;
    file_.open(path);
    if (!file_) throw ValueError("--histogram_out=" + path + ": cannot be written");
    file_ << "series,low_ns,high_ns,count\n";
  }
  void add(const std::string& series, const Histogram& histogram) {
    if (!file_.is_open()) return;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      if (histogram.count(i) == 0) continue;
      file_ << series << ',' << Histogram::low(i) << ',' << Histogram::low(i + 1) << ','
            << histogram.count(i) << '\n';
    }
    file_.flush();
  }

 private:
  std::ofstream file_;
};

void set_counters(benchmark::State& state, const Series& series, const Team& team) {
  auto& counters = state.counters;
  const Bill& bill = team.bill();
  const auto messages = static_cast<double>(bill.messages);
  counters["messages"] = static_cast<double>(team.messages_per_batch());
  counters["cpu_ns_per_message"] = bill.cpu_ns / messages;
  counters["voluntary_switches_per_message"] = bill.voluntary_switches / messages;
  counters["involuntary_switches_per_message"] = bill.involuntary_switches / messages;
  if (team.capacity_bytes() != 0) {
    counters["capacity_bytes"] = static_cast<double>(team.capacity_bytes());
  }
  if (series.metric == Metric::throughput) {
    counters["messages_per_second"] = messages / bill.seconds;
    if (series.keys.bytes != 0)
      counters["bytes_per_second"] =
          messages * static_cast<double>(series.keys.bytes) / bill.seconds;
  }
  if (const Histogram* times = team.round_trips()) {
    const auto set = [&](const char* name, double q) {
      if (const auto value = times->quantile(q)) counters[name] = *value;
    };
    set("p50_ns", 0.5);
    set("p90_ns", 0.9);
    set("p99_ns", 0.99);
    set("p999_ns", 0.999);
    counters["max_ns"] = static_cast<double>(times->max());
    state.SetLabel("rtt");
  }
}

void measure(benchmark::State& state, const Series& series, const RunOptions& options,
             HistogramFile& histograms, bool& failed) {
  if (series.skip) {
    state.SkipWithError(("skipped: " + *series.skip).c_str());
    return;
  }
  try {
    const auto team = series.start(options);
    for (auto _ : state) state.SetIterationTime(team->batch());
    set_counters(state, series, *team);
    if (const Histogram* times = team->round_trips()) histograms.add(series.name(), *times);
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    failed = true;
  } catch (const Stopped& stopped) {  // the team is gone
    end_by(stopped);
  }
}

int run(const Options& options, std::string executable, const std::vector<Series>& all) {
  const std::vector<Series> chosen = select(options.filter, all);
  if (options.list_names) {
    for (const Series& series : chosen) std::cout << series.name() << "\n";
    return 0;
  }
  hold_stop_signals();
  std::vector<std::string> flags = options.for_benchmark;
  std::vector<char*> arguments{executable.data()};
  for (std::string& flag : flags) arguments.push_back(flag.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  benchmark::AddCustomContext("ipcbench_build_type",
#ifdef NDEBUG
                              "release"
#else
                              "debug"
#endif
  );
  benchmark::AddCustomContext("ipcbench_compiler", "g++ " __VERSION__);

  HistogramFile histograms(options.histogram_out);
  bool failed = false;
  for (const Series& series : chosen) {
    benchmark::RegisterBenchmark(
        series.name().c_str(),
        [&](benchmark::State& state) { measure(state, series, options.run, histograms, failed); })
        ->UseManualTime()
        ->Iterations(options.run.batches)
        ->Repetitions(1)
        ->Unit(benchmark::kNanosecond);
  }
  bool json = false;
  for (const std::string& flag : flags) json |= flag == "--benchmark_format=json";
  Console console;
  Json json_display;
  Json json_file;
  benchmark::BenchmarkReporter* display = &console;
  if (json) display = &json_display;
  benchmark::RunSpecifiedBenchmarks(display, options.out.empty() ? nullptr : &json_file, ".");
  benchmark::Shutdown();
  return failed ? 3 : 0;
}

}  // namespace

RegisterQuestion::RegisterQuestion(List list) { questions().push_back(list); }
RegisterBackends::RegisterBackends(List list) { backend_lists().push_back(list); }

int program(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    const std::vector<Series> all = all_series();
    if (options.help) {
      std::cout << kUsage;
    } else if (options.list) {
      print_list(argv[0], all);
    } else {
      return run(options, argv[0], all);
    }
    return 0;
  } catch (const ValueError& error) {
    std::cerr << argv[0] << ": " << error.what() << "\n";
    return 2;
  }
}

}  // namespace ipc::bench
