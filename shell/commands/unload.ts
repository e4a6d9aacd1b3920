// `suture unload`: the memory of an inactive patch back, once no thread is inside.

import { unloadPatch } from "../../native/mod.ts";
import { defineStep } from "./transaction.ts";

export const unload = defineStep("unload", unloadPatch, ["unload acl-fix --pid 4242", "unload acl-fix --tree 4242 --timeout 30s"]);
