// SPDX-License-Identifier: MIT
// fifo: a named pipe each way (one for a one-way pipe), messages as in os_pipe. Its name stands in
// a private temporary folder; both are gone before the constructor returns, when both ends are
// open. Kernel objects: one or two named pipes. Wait class: block. Source: fifo(7). Limit: as
// os_pipe; a program killed inside the constructor leaves a folder in TMPDIR.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "impl/os/error.h"
#include "impl/os/unique_name.h"
#include "impl/pipe/kernel_pipes.h"

namespace ipc {
namespace {

// A fifo in a folder of its own, both with a name as long as this lives.
class NamedFifo {
 public:
  NamedFifo()
      : NamedFifo(std::filesystem::temp_directory_path() /
                  (std::string(kTemporaryFolder) + "XXXXXX")) {
    if (mkfifo(fifo_.c_str(), S_IRUSR | S_IWUSR) != 0) throw_errno("mkfifo " + fifo_);
  }
  NamedFifo(const NamedFifo&) = delete;
  NamedFifo& operator=(const NamedFifo&) = delete;
  ~NamedFifo() {
    unlink(fifo_.c_str());
    rmdir(folder_.c_str());
  }

  UniqueFd open_for(int flags) const {
    UniqueFd end(open(fifo_.c_str(), flags | O_CLOEXEC));
    if (!end) throw_errno("open " + fifo_);
    return end;
  }

 private:
  explicit NamedFifo(std::string folder) : folder_(std::move(folder)) {
    if (mkdtemp(folder_.data()) == nullptr) throw_errno("mkdtemp " + folder_);
    fifo_ = folder_ + "/fifo";
  }

  std::string folder_;
  std::string fifo_;
};

PipeEnds make_fifo(std::size_t capacity_bytes) {
  ignore_sigpipe();
  const NamedFifo fifo;
  // Opening one end waits for the other, except for a reader that says it will not.
  UniqueFd read = fifo.open_for(O_RDONLY | O_NONBLOCK);
  PipeEnds ends{std::move(read), fifo.open_for(O_WRONLY)};
  if (fcntl(ends.read.get(), F_SETFL, 0) != 0) throw_errno("F_SETFL");
  set_pipe_capacity(ends.read.get(), capacity_bytes);
  return ends;
}

const RegisterPipe<KernelPipes<make_fifo>> registered(
    "fifo",
    {.summary = "named pipe each way, length-prefixed messages; unlinked before it is used",
     .source = "fifo(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message",
     .leftovers = "its folder in TMPDIR, if it is killed while it is being made"});

}  // namespace
}  // namespace ipc
