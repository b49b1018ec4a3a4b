/** What the process tells the shell, as grep does. */
export const ExitCode = {
  /** Done, found, equal. */
  Yes: 0,
  /** Nothing found, different. */
  No: 1,
  /** Something could not be done; the reason is on stderr. */
  Error: 2,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
