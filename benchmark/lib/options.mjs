import { parseArgs } from 'node:util'

export const help = `Usage: node benchmark/run.mjs [options]

Compares this package with its rivals: each side of a row runs in a process of its own, the sides take turns, and the ratio of
neighbours counts. Every result is verified; the exit code is 1 when one is wrong or a trial fails, never for a goal missed.

  --quick        all rows with small files and few, short slices: a smoke test, its figures mean little
  --filter TEXT  only rows whose name, work, or rival contains TEXT
  --rounds N     how many times both sides start afresh (default 6, quick 2)
  --json FILE    write all results to FILE; - for stdout, the table then goes to stderr
  --help         this text
`

/** How long things take. Times in milliseconds; a pair is one slice of each side. */
const full = { rounds: 6, pairs: 8, warmUp: 400, slice: 60 }
const quick = { rounds: 2, pairs: 2, warmUp: 60, slice: 8 }

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      filter: { type: 'string', default: '' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const timing = { ...(values.quick ? quick : full) }
  if (values.rounds !== undefined) {
    timing.rounds = Number(values.rounds)
    if (!(Number.isInteger(timing.rounds) && timing.rounds > 0))
      throw new TypeError(`--rounds needs a number above 0, got '${values.rounds}'`)
  }
  return { ...values, timing }
}
