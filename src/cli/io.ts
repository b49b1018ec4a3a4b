/** What a command talks to: results go to stdout, everything else to stderr. */
import process from 'node:process'
import { type Colours, colours } from './format/colour.ts'
import { printable } from './format/printable.ts'
import { commandName } from './package.ts'

export interface Io {
  /** Colours for stdout. */
  readonly colours: Colours
  /** Writes a result. False when nobody reads any more (a closed pipe, which is no error): stop then. */
  print(text: string): Promise<boolean>
  /** Tells an error, in one line. */
  complain(message: string): void
  /** Tells people something that is no error and no result. */
  note(text: string): void
}

// What a write to a closed pipe fails with: EOF is Windows' way to say it.
const closedPipe = new Set<unknown>(['EPIPE', 'EOF'])

export function processIo(): Io {
  const { stdout, stderr, env } = process
  // Without listeners a failed write would end the process with a stack trace. print() gets the same error from its callback; a
  // message that cannot be written cannot be told either.
  for (const stream of [stdout, stderr]) stream.on('error', () => {})
  let closed = false

  const print = (text: string): Promise<boolean> =>
    new Promise((resolve, reject) => {
      if (closed) return resolve(false)
      stdout.write(text, (error) => {
        if (!error) return resolve(true)
        if (!('code' in error && closedPipe.has(error.code))) return reject(error)
        closed = true
        resolve(false)
      })
    })

  return {
    colours: colours(stdout.isTTY === true, env),
    print,
    complain: (message) => void stderr.write(`${commandName}: ${printable(message)}\n`),
    note: (text) => void stderr.write(`${text.trimEnd()}\n`),
  }
}
