/** A picture of which parts of a file are in memory. */
import type { Colours } from './colour.ts'

const NONE = '·'
const ALL = '█'
const some = ['░', '▒', '▓'] as const

/** For the help of commands that draw it. */
export const legend = `${NONE} none, ${some.join(' ')} some, ${ALL} all of its pages in memory`

/** Only nothing at all is drawn as nothing, and only everything as full. */
function cell(fraction: number): string {
  if (fraction <= 0) return NONE
  if (fraction >= 1) return ALL
  return some[Math.floor(fraction * some.length)] as string
}

/** One character for each fraction, which is 0 to 1. */
export const residencyBar = (fractions: ArrayLike<number>, colours: Colours): string =>
  Array.from(fractions, cell)
    .join('')
    .replace(new RegExp(`${NONE}+|[^${NONE}]+`, 'g'), (run) => (run.startsWith(NONE) ? colours.gray(run) : colours.green(run)))
