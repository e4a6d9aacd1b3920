// What is said of a patch that was built without the proof: its author went on where source, flags or compiler were not those of the program.

import { count } from "./columns.ts";

/** "3 functions of its units are others in the program" */
export const describeUnproved = (functions: number): string => `${count(functions, "function")} of its units ${functions === 1 ? "is another" : "are others"} in the program`;
