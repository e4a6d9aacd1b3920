// Where each local variable is, address by address: gcc works it out in a pass after all those that make code
// (-fvar-tracking), for a tenth of a compilation's time and half of its assembly, and nothing here reads it. Left out, therefore; but
// the marks that all passes carry along for it (-fvar-tracking-assignments) stay as they are: that no code depends on them is what gcc
// intends, and has failed to keep (gcc bug 61801).

import type { Invocation } from "./invocation.ts";

/**
 * Options of gcc that leave it out. None where the recorded ones have a say in it, or what the compiler `said` that it would run, to which a wrapper may
 * have added; nor where gcc does not optimise and does nothing of the kind.
 */
export function withoutVariableTracking({ recorded }: Invocation, said: string): readonly string[] {
  const flags = recorded.flatMap((word) => word.kind === "option" ? [word.flag] : []);
  const optimises = /^-O(?:[1-3s]|fast)?$/.test(flags.findLast((flag) => flag.startsWith("-O")) ?? "");
  return optimises && ![...flags, ...said.split(/[\s"]+/)].some((flag) => decidesItself.test(flag)) ? trackingLeftOut : [];
}

export const trackingLeftOut: readonly string[] = ["-fno-var-tracking", "-fvar-tracking-assignments"];

const decidesItself = /^(-f(no-)?(var-tracking|selective-scheduling|compare-debug|dump-final-insns)|-fplugin|-specs|--specs|-gno-|-g[sx]|-gstabs|-gvms)/;
