/** The check of a result. Not node:assert: its message for two large buffers takes longer than the trial. */
export function same(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}
