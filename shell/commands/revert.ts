// `suture revert`: the old functions back, by the name of the patch. Needs no image: the process carries what it takes.

import { revertPatch } from "../../native/mod.ts";
import { defineStep } from "./transaction.ts";

export const revert = defineStep("revert", revertPatch, ["revert acl-fix --pid 4242", "revert acl-fix --tree 4242 --timeout 30s"]);
