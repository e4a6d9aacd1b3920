// `watch`, when it has been told to stop: what it did, in numbers.

import type { WatchResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { count } from "./columns.ts";

export const formatWatched = ({ patch, applied, carried, failed }: WatchResult, style: Style): string => [
  `${style.green("Watched")} for ${patch.name}: applied ${count(applied, "time")}`,
  ...(carried === 0 ? [] : [`, ${carried} had it already`]),
  ...(failed === 0 ? [] : [`, ${style.yellow(`${failed} could not be patched at first or at all`)}`]),
].join("");
