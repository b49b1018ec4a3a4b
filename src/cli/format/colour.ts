/** Whether and how output is coloured. */
import picocolors from 'picocolors'
import type { Colors } from 'picocolors/types.js'

export type Colours = Colors

/**
 * A non-empty NO_COLOR is the last word, FORCE_COLOR the next (`0` and `false` turn colours off), then whether a terminal shows
 * them. Not picocolors' own judgement: that also colours in CI logs and on Windows, where a file or a pipe may be reading.
 */
function wanted(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  if (NO_COLOR) return false
  if (FORCE_COLOR) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTerminal && TERM !== 'dumb'
}

export const colours = (isTerminal: boolean, env: NodeJS.ProcessEnv): Colours => picocolors.createColors(wanted(isTerminal, env))
