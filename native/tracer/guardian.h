// A process that outlives the helper. Before every switch it is handed the plan (switch-plan.h), and told when the switch is
// over; when the helper dies in between, whatever killed it, the guardian stops the target itself and puts back or
// finishes what was begun. It also looks after a helper that is stopped (SIGSTOP) while it holds threads of a process: it ends
// it, because nobody else would let them go. It has a session of its own, so that what is sent to the helper's group does not reach it,
// holds nothing between two switches, and ends when the helper does.
#pragma once

#include "file.h"
#include "result.h"
#include "switch-plan.h"

#include <sys/types.h>

namespace suture {

class Guardian {
 public:
  /** One for this process; started when it is first needed, and again when it has died. */
  static Guardian& instance();

  /** When this returns, the plan is in its hands. Refuses: internal (no process could be made). */
  Result<void> entrust(const SwitchPlan& plan);
  /** From now on we may hold threads. Without a guardian nobody looks after that. */
  void watch();
  /** The switch is over, and nothing is held any more. */
  void dismiss();

 private:
  Result<void> start();
  bool hand(int plan);

  File connection_;
};

}  // namespace suture
