// `suture deactivate`: the old functions back, while the patch stays loaded.

import { deactivatePatch } from "../../native/mod.ts";
import { defineStep } from "./transaction.ts";

export const deactivate = defineStep("deactivate", deactivatePatch, ["deactivate acl-fix --pid 4242", "deactivate acl-fix --tree 4242 --timeout 30s"]);
