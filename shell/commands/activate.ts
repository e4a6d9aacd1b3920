// `suture activate`: the old functions lead to the new ones of a patch that is loaded, from one stop on.

import { activatePatch } from "../../native/mod.ts";
import { addActivationOptions, defineStep } from "./transaction.ts";

export const activate = defineStep("activate", activatePatch, ["activate acl-fix --pid 4242", "activate all-fixes --tree 4242 --replace"], addActivationOptions);
