// Labels and annotations that are switches, as Kubernetes reads them: Go's strconv.ParseBool, and whatever that can not
// read is taken for true, because somebody wanted the switch there.

/** The texts that ParseBool reads as false. */
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** True for a switch that is there, also an empty or unreadable one; false for one that is absent or says no. */
export const isUnlessFalse = (text: string | undefined): boolean => text !== undefined && !FALSE.has(text);
