/** Of calls, the one that is dropped last in front. */
export const PRIORITIES = ["interactive", "default", "batch"] as const;
export type Priority = (typeof PRIORITIES)[number];
