// SPDX-License-Identifier: MIT
// The public registries: the backends that the source tree has, no more and no less, completely
// described.
#include "impl/registry.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>
#include <type_traits>
#include <vector>

#include "impl/manager/backend.h"
#include "impl/pipe/backend.h"
#include "impl/queue/backend.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

// Of the backend files that were compiled: lines such as `pipe: null;os_pipe`.
std::set<std::string> stems_of(const std::string& family) {
  std::ifstream file(IPCBENCH_STEMS);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(family + ": ", 0) != 0) continue;
    std::istringstream names(line.substr(family.size() + 2));
    std::set<std::string> stems;
    for (std::string stem; std::getline(names, stem, ';');) stems.insert(stem);
    return stems;
  }
  ADD_FAILURE() << "no line for " << family << " in " << IPCBENCH_STEMS;
  return {};
}

// The stem of the file that a backend of this name and wait class must be in.
std::string stem_of(const std::string& name, WaitClass wait_class,
                    const std::set<std::string>& stems) {
  const std::string ending = "_" + std::string(to_string(wait_class));
  if (stems.contains(name) || !name.ends_with(ending)) return name;
  return name.substr(0, name.size() - ending.size());
}

template <class Entry>
std::set<std::string> registered_stems(const std::set<std::string>& stems) {
  std::set<std::string> registered;
  for (const auto& [name, entry] : Registry<Entry>::entries()) {
    EXPECT_EQ(name, entry.name);
    registered.insert(stem_of(name, entry.traits.wait_class, stems));
  }
  return registered;
}

template <class Entry>
void expect_names_to_be_stems() {
  const std::set<std::string> stems = stems_of(Entry::kFamily);
  EXPECT_EQ(registered_stems<Entry>(stems), stems);
}

template <class Entry>
void expect_every_trait() {
  for (const auto& [name, entry] : Registry<Entry>::entries()) {
    SCOPED_TRACE(name);
    const Traits& traits = entry.traits;
    for (const std::string& text : {traits.summary, traits.source, traits.order, traits.on_kill,
                                    traits.leftovers, traits.needs}) {
      EXPECT_FALSE(text.empty());
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    }
    EXPECT_GT(traits.max_message, 0u);
    EXPECT_GE(traits.producers, 1);
    EXPECT_GE(traits.consumers, 1);
    ASSERT_NE(traits.available, nullptr);
    EXPECT_NE(traits.available(), "");  // a reason, or nothing
    EXPECT_TRUE(entry.make);
    if (std::is_same_v<Entry, LockEntry>) continue;  // it says it of its holder
    EXPECT_TRUE(traits.survives_kill || traits.killed.inside != AfterKill::nothing);
  }
}

TEST(Registry, HasThePipesOfTheSourceTree) { expect_names_to_be_stems<PipeEntry>(); }
TEST(Registry, HasTheQueuesOfTheSourceTree) { expect_names_to_be_stems<QueueEntry>(); }
TEST(Registry, HasTheMemoriesAndLocksOfTheSourceTree) {
  const std::set<std::string> stems = stems_of("shared");
  std::set<std::string> registered = registered_stems<MemoryEntry>(stems);
  registered.merge(registered_stems<LockEntry>(stems));
  EXPECT_EQ(registered, stems);
}
TEST(Registry, HasTheManagersOfTheSourceTree) { expect_names_to_be_stems<ManagerEntry>(); }
TEST(Registry, KnowsEveryTraitOfThePipes) { expect_every_trait<PipeEntry>(); }
TEST(Registry, KnowsEveryTraitOfTheQueues) { expect_every_trait<QueueEntry>(); }
TEST(Registry, KnowsEveryTraitOfTheMemories) { expect_every_trait<MemoryEntry>(); }
TEST(Registry, KnowsEveryTraitOfTheLocks) { expect_every_trait<LockEntry>(); }
TEST(Registry, KnowsEveryTraitOfTheManagers) { expect_every_trait<ManagerEntry>(); }

TEST(Registry, TakesAVariantForItsFile) {
  const std::set<std::string> stems = {"ring", "ring_block"};
  EXPECT_EQ(stem_of("ring_spin", WaitClass::spin, stems), "ring");
  EXPECT_EQ(stem_of("ring_block", WaitClass::block, stems), "ring_block");
  EXPECT_EQ(stem_of("ring_spin", WaitClass::block, stems), "ring_spin");
}

TEST(Registry, ListsTheValidNamesWhenAskedForAnother) {
  try {
    PipeRegistry::get("os_pip");
    FAIL() << "os_pip is no backend";
  } catch (const ValueError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("\"os_pip\""));
    for (const auto& [name, entry] : PipeRegistry::entries()) {
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
  }
}

TEST(Registry, FindsABackendByName) { EXPECT_EQ(QueueRegistry::get("null").name, "null"); }

// The death test forks.
TEST(RegistryProcesses, EndsTheProgramWhenANameIsTakenOrEmpty) {
  EXPECT_DEATH(PipeRegistry::add(PipeRegistry::get("null")),
               "two pipe backends are called \"null\"");
  EXPECT_DEATH(QueueRegistry::add(QueueEntry{}), "two queue backends are called \"\"");
}

}  // namespace
}  // namespace ipc
